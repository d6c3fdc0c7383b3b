"""TensorFlow and the GPUs that it sees, asked in a child process: the import takes seconds, and a broken one can crash the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from flowers_tfx.doctor.check_result import CheckResult, fail, ok, warn

_LIMIT_S = 60.0
_CODE = """
import json, tensorflow as tf
print(json.dumps({"version": tf.__version__, "gpus": [device.name for device in tf.config.list_physical_devices("GPU")]}))
"""
_DRIVER = Path("/proc/driver/nvidia/version")


def check_tensorflow(limit_s: float = _LIMIT_S, driver: Path = _DRIVER) -> CheckResult:
    """`driver`: a file that is there if the machine has NVIDIA's driver."""
    if find_spec("tensorflow") is None:
        return ok("TensorFlow is not installed: this installation serves and predicts, and cannot train.")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", _CODE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return warn(
            f"TensorFlow was not imported within {limit_s:.0f} s.", "A busy machine, a slow disk, or a GPU that does not answer: try again."
        )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"the process ended with {done.returncode}"
        return fail(f"TensorFlow cannot be imported: {reason[:300]}", "Install the packages again: `make setup`, in the checkout.")
    answer = json.loads(done.stdout.splitlines()[-1])
    name = f"TensorFlow {answer['version']}"
    if answer["gpus"]:
        return ok(f"{name} sees {len(answer['gpus'])} GPU{'s' if len(answer['gpus']) > 1 else ''}.")
    if driver.exists():
        return warn(
            f"{name} sees no GPU, although NVIDIA's driver is loaded.",
            "Its CUDA libraries are missing or older than the driver supports: use the image with ACCELERATOR=gpu (docs/image.md).",
        )
    return ok(f"{name}, without a GPU: training runs on the CPU.")
