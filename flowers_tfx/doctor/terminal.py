"""The encodings of output and of file names."""

from __future__ import annotations

import codecs
import sys

from flowers_tfx.doctor.check_result import CheckResult, ok, warn


def check_terminal(output: str | None = None, files: str | None = None) -> CheckResult:
    output = output or getattr(sys.stdout, "encoding", None) or "utf-8"
    files = files or sys.getfilesystemencoding()
    for name, encoding in (("Output", output), ("File names", files)):
        if codecs.lookup(encoding).name != "utf-8":
            return warn(
                f"{name}: encoded as {encoding}, which lacks letters that names of classes can have.", "Set LANG=C.UTF-8 or PYTHONUTF8=1."
            )
    return ok("Output and file names are in UTF-8.")
