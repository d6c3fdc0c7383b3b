"""Memory that this process can still take, limits of containers included."""

from __future__ import annotations

from flowers_tfx.doctor.check_result import CheckResult, fail, ok, warn

_SERVING_BYTES = 300_000_000  # one worker of `flowers serve` (benchmarks/README.md), twice
_PIPELINE_BYTES = 4_000_000_000


def check_memory(available: int | None = None) -> CheckResult:
    """`available`: bytes; by default those of this process."""
    from flowers_tfx.serving.memory import available_memory

    available = available_memory() if available is None else available
    if available is None:
        return warn("The system does not say how much memory is available.", "The pipeline needs 4 GB.")
    found = f"{available / 1e9:.1f} GB of memory are available."
    if available < _SERVING_BYTES:
        return fail(found, "Even serving needs 0.3 GB: stop other programs, or raise the container's limit.")
    if available < _PIPELINE_BYTES:
        return warn(found, "Serving fits; a run of the pipeline needs about 4 GB.")
    return ok(found)
