"""deploy/watch/ fits the program and, where systemd's own check is installed, systemd."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowers_tfx.cli.program import flowers
from flowers_tfx.deliveries.jobs import TERMINATE_S
from flowers_tfx.errors import ExitCode
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy" / "watch"
UNIT, NIGHTLY = ((DEPLOY / f"flowers-{name}.service").read_text(encoding="utf-8") for name in ("watch", "nightly"))


def watch_options(arguments: list[str]) -> dict[str, Any]:
    assert arguments[0] == "watch"
    return dict(flowers.commands["watch"].make_context("watch", arguments[1:]).params)


def unit(key: str, text: str = UNIT) -> str:
    return next(line.removeprefix(f"{key}=") for line in text.splitlines() if line.startswith(f"{key}="))


def test_the_program_takes_the_arguments_and_only_reads_the_photos() -> None:
    options = watch_options(shlex.split(unit("ExecStart"))[1:])
    assert options["source"] == unit("ReadOnlyPaths")
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["watch"]
    options = watch_options(service["command"])
    mounts = {path.rpartition("}:")[2] for path in service["volumes"]}
    assert mounts == {f"{options['source']}:ro", f"{options['config_path']}:ro", "/data"}


def test_the_nightly_unit_looks_once_with_the_same_rights() -> None:
    options = watch_options(shlex.split(unit("ExecStart", NIGHTLY))[1:])
    assert (options["once"], options["source"]) == (True, unit("ReadOnlyPaths", NIGHTLY))
    assert int(unit("SuccessExitStatus", NIGHTLY)) == ExitCode.BLOCKED
    rights = [
        line for line in UNIT.splitlines() if line.startswith(("Protect", "Private", "Restrict", "SystemCall", "Capability", "NoNew"))
    ]
    assert len(rights) > 10
    assert set(rights) <= set(NIGHTLY.splitlines())


def test_it_has_time_to_stop_its_processes() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["watch"]
    for limit in (unit("TimeoutStopSec"), service["stop_grace_period"]):
        # One process at a time, and the webhook.
        assert int(limit.rstrip("s")) > 2 * TERMINATE_S + 5


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    def problems(text: str, kind: str = "service") -> str:
        path = tmp_path / f"flowers-nightly.{kind}"
        path.write_text(text.replace("/opt/flowers/.venv/bin/flowers", "/bin/true"))
        return subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False).stderr

    for text in (UNIT, NIGHTLY):
        assert "flowers-nightly" not in problems(text)
    timer = (DEPLOY / "flowers-nightly.timer").read_text(encoding="utf-8")
    assert "flowers-nightly" not in problems(timer, "timer")
    assert "flowers-nightly" in problems(UNIT.replace("KillMode=", "KillModes="))
