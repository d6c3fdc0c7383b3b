"""The interpreter and the C library: which of the two supported stacks they can run (requirements/in.txt)."""

from __future__ import annotations

import platform
import sys

from flowers_tfx.doctor.check_result import CheckResult, fail, ok, warn

_OLDEST, _NEWEST = (3, 10), (3, 13)
_MAIN_STACK, _MAIN_GLIBC = (3, 11), (2, 38)  # TFX 1.21: its ml-metadata and TFDV wheels need this glibc


def check_python(version: tuple[int, int] = sys.version_info[:2], libc: tuple[str, str] | None = None, machine: str = "") -> CheckResult:
    """`libc`: name and version, `machine`: the processor; by default those of this machine."""
    name, libc_version = libc or platform.libc_ver()
    machine = machine or platform.machine()
    python = f"Python {version[0]}.{version[1]}"
    if not _OLDEST <= version <= _NEWEST:
        return fail(f"{python} is not supported.", "Use 3.11 to 3.13, or 3.10 on hosts with an older glibc: `make setup` picks one.")
    if name != "glibc":
        return fail(
            f"{python} runs without glibc ({name or sys.platform}): TensorFlow and TFX have no packages for it.",
            "Use Linux with glibc, such as Debian or Ubuntu, or the container image (docs/image.md).",
        )
    numbers = tuple(int(part) for part in libc_version.split(".")[:2])
    if version >= _MAIN_STACK and numbers < _MAIN_GLIBC:
        return fail(
            f"{python} needs glibc 2.38 or newer for TFX 1.21; this is {libc_version}.",
            "Use Python 3.10 here, or Debian 13, Ubuntu 24.04 or the container image: `make setup PYTHON=python3.10`.",
        )
    if machine not in ("x86_64", "AMD64"):
        return warn(f"{python} on {machine}: TFX has packages for x86_64 only.", "Serving works; run the pipeline on an x86_64 machine.")
    return ok(f"{python}, glibc {libc_version}: {'TFX 1.21' if version >= _MAIN_STACK else 'TFX 1.16, for older hosts'}.")
