"""`flowers forget` in a process that is really killed, before any of its changes of files: nothing cleans up behind it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.spans import list_spans
from flowers_tfx.forgetting.forget import forget
from tests.unit.buckets import FakeStore, Killed
from tests.unit.test_forget import check_gone, copied, needles, original, photos, traces_in  # noqa: F401 - fixtures
from tests.unit.test_gc import no_progress

_KILLED = 9


def is_killed_at(config: PipelineConfig, digest: str, operation: int) -> bool:
    """False if the removal ended before."""
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, _KILLED)
        return status == _KILLED
    left = operation

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        changes = event in ("os.rename", "os.remove", "os.rmdir", "os.truncate", "os.mkdir")
        if changes or (event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            left -= 1
            if not left:
                os._exit(_KILLED)

    sys.addaudithook(count)
    code = 1
    try:
        forget(config, digest, None, no_progress)
        code = 0
    finally:
        os._exit(code)


@pytest.mark.timeout(240)
def test_nothing_is_left_behind_by_a_process_that_was_killed(original: Path, tmp_path: Path) -> None:  # noqa: F811
    operation = 1
    while True:
        root = tmp_path / str(operation)
        config = copied(original, root)
        digest, wanted = needles(config)
        was_killed = is_killed_at(config, digest, operation)
        forget(config, digest, None, no_progress)
        check_gone(config, root, digest, wanted)
        assert not [path for path in root.rglob(".*.tmp") if path.name != ".lock"]
        shutil.rmtree(root)
        if not was_killed:
            break
        operation += 5
    assert operation > 30


def upload(config: PipelineConfig, store: FakeStore) -> PipelineConfig:
    """Data root and registry in the bucket, no longer on the disk."""
    for name in ("data_root", "registry"):
        home = Path(getattr(config, name))
        for path in home.rglob("*"):
            if path.is_file() and path.name != ".lock":
                store.write(f"{name}/{path.relative_to(home).as_posix()}", path.read_bytes())
        shutil.rmtree(home)
    return config.model_copy(update={"data_root": "s3://bucket/data_root", "registry": "s3://bucket/registry"})


def test_a_kill_at_any_write_to_a_bucket(
    original: Path,  # noqa: F811
    store: FakeStore,
    short_lease: Callable[[float], None],
    tmp_path: Path,
) -> None:
    short_lease(0.05)
    writes, killed, ended = 1, 0, False
    while not ended:
        store.objects.clear()
        local = copied(original, tmp_path / str(writes))
        digest, wanted = needles(local)
        config = upload(local, store)
        store.fail_after_writes(writes)
        try:
            forget(config, digest, None, no_progress)
            ended = True
        except Killed:
            killed += 1
        store.fail_after_writes(None)
        forget(config, digest, None, no_progress)
        for key, (data, _) in store.objects.items():
            file = tmp_path / str(writes) / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        assert traces_in(tmp_path / str(writes), *wanted) == {f"data_root/forgotten/{digest}.json"}
        [span] = list_spans(config.data_root)
        assert span.examples == 29
        assert registry.baseline_is_whole(config.registry, registry.versions(config.registry)[0])
        writes += 6
    assert killed > 2
