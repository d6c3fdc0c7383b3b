from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowers_tfx import storage
from flowers_tfx.errors import InputError
from flowers_tfx.storage import BucketPath, storage_path
from flowers_tfx.storage.lease import hold_lease
from flowers_tfx.storage.store import ABSENT, ConditionFailed, write_conditionally
from tests.unit.buckets import FakeStore

ROOT = BucketPath("s3://bucket/some/folder")


def test_a_storage_path_is_a_local_path_or_one_in_a_bucket() -> None:
    assert storage_path("some/folder") == Path("some/folder")
    assert storage_path("file:///some/folder") == Path("/some/folder")
    assert str(storage_path("s3://bucket/some/folder/")) == "s3://bucket/some/folder"
    assert storage_path("gs://bucket") / "span-1" == BucketPath("gs://bucket/span-1")
    assert (ROOT.name, str(ROOT.parent)) == ("folder", "s3://bucket/some")


@pytest.mark.parametrize("uri", ["ftp://host/folder", "s3://", "gs:///folder", "s3://bucket/a//folder"])
def test_other_schemes_are_refused(uri: str) -> None:
    with pytest.raises(InputError):
        storage_path(uri)


def test_a_folder_of_a_bucket_reads_like_one_on_a_disk(store: FakeStore, tmp_path: Path) -> None:
    for name in ("a/b.txt", "a.txt", "a/c/d.txt", "a-b.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
        (ROOT / name).write_bytes(name.encode())
    BucketPath("s3://bucket/some/folder-beside/x").write_bytes(b"")
    assert list(storage.file_sizes(ROOT).items()) == list(storage.file_sizes(tmp_path).items())
    assert sorted(path.name for path in ROOT.iterdir()) == sorted(path.name for path in tmp_path.iterdir())
    assert ROOT.is_dir() and (ROOT / "a").is_dir() and not (ROOT / "a.txt").is_dir() and not (ROOT / "none").is_dir()
    assert (ROOT / "a.txt").is_file() and not (ROOT / "a").is_file() and not (ROOT / "a.t").is_file()
    with (ROOT / "a/c/d.txt").open(encoding="utf-8") as file:
        assert list(file) == ["a/c/d.txt"]
    with storage.local_file(ROOT / "a.txt") as copy:
        assert copy.read_text() == (ROOT / "a.txt").read_text() == "a.txt"
    assert not copy.exists()
    storage.fetch(ROOT / "a", tmp_path / "copy")
    assert (tmp_path / "copy" / "c" / "d.txt").read_text() == "a/c/d.txt"
    (ROOT / "a").remove()
    assert set(storage.file_sizes(ROOT)) == {"a.txt", "a-b.txt"}
    with pytest.raises(FileNotFoundError):
        (ROOT / "a/b.txt").read_bytes()


def test_of_several_who_write_a_new_file_one_succeeds(store: FakeStore) -> None:
    outcomes: list[str] = []

    def write(data: bytes) -> None:
        try:
            (ROOT / "claim").write_new(data)
            outcomes.append(data.decode())
        except FileExistsError:
            pass

    threads = [threading.Thread(target=write, args=(str(n).encode(),)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [(ROOT / "claim").read_text()]


def test_a_writer_whose_answer_was_lost_knows_its_own_object(store: FakeStore) -> None:
    store.write("key", b"mine")
    assert write_conditionally(store, "key", b"mine", ABSENT) == store.read("key")[1]
    with pytest.raises(ConditionFailed):
        write_conditionally(store, "key", b"another's", ABSENT)


def test_a_probe_leaves_nothing_behind(store: FakeStore) -> None:
    storage.check_bucket(ROOT)
    assert store.objects == {}


def test_a_store_that_ignores_conditions_is_refused(store: FakeStore) -> None:
    store.has_conditions = False
    with pytest.raises(InputError, match="ignores the conditions"):
        storage.check_bucket(ROOT)
    assert store.objects == {}


def test_a_lease_keeps_others_out_for_longer_than_it_lasts(store: FakeStore, short_lease: Callable[[float], None]) -> None:
    short_lease(2.0)
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with hold_lease(store, "lock", "here") as lease:
            inside += 1
            most = max(most, inside)
            time.sleep(2.3)  # it is renewed meanwhile
            lease.renew_or_fail()
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)
    assert store.objects == {}


def test_the_lease_of_a_dead_holder_is_taken_over(store: FakeStore, short_lease: Callable[[float], None]) -> None:
    short_lease(0.2)
    store.write("lock", b"dead")
    began = time.monotonic()
    with hold_lease(store, "lock", "here") as lease:
        lease.renew_or_fail()
    assert time.monotonic() - began >= 0.2
    assert store.objects == {}


def test_a_caller_that_does_not_wait_learns_of_a_live_holder(store: FakeStore, short_lease: Callable[[float], None]) -> None:
    short_lease(0.4)
    with (
        hold_lease(store, "lock", "here"),
        pytest.raises(InputError, match="Another process is at work in here"),
        hold_lease(store, "lock", "here", wait=False),
    ):
        raise AssertionError("two holders")
    store.write("lock", b"dead")
    with hold_lease(store, "lock", "here", wait=False) as lease:
        lease.renew_or_fail()


def test_a_holder_that_slept_too_long_finds_the_lease_lost(store: FakeStore) -> None:
    with hold_lease(store, "lock", "here") as lease:
        store.write("lock", b"somebody else's")
        with pytest.raises(InputError, match="Another writer took over"):
            lease.renew_or_fail()
    assert store.read("lock")[0] == b"somebody else's"


def test_beam_gets_the_endpoint_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert storage.s3_beam_args() == []
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://general:1")
    assert storage.s3_beam_args() == ["--s3_endpoint_url=http://general:1"]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://special:2")
    assert storage.s3_beam_args() == ["--s3_endpoint_url=http://special:2"]
