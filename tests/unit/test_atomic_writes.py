"""Writing under another name and renaming: what readers see when a writer fails, is killed, or is not alone."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowers_tfx import storage
from flowers_tfx.errors import InputError

KILLED_WRITER = """
import os, pathlib, signal, sys
from flowers_tfx import storage
target = pathlib.Path(sys.argv[2])
with getattr(storage, sys.argv[1])(target) as unfinished:
    (unfinished / "half" if sys.argv[1] == "atomic_folder" else unfinished).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("function", ["atomic_file", "atomic_folder"])
def test_a_kill_before_the_rename_leaves_nothing_under_the_name(tmp_path: Path, function: str) -> None:
    subprocess.run([sys.executable, "-c", KILLED_WRITER, function, str(tmp_path / "out")], check=False)
    (left,) = names(tmp_path)
    assert left.startswith(".out.") and left.endswith(".tmp")


def test_a_kill_leaves_the_old_file_whole(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    subprocess.run([sys.executable, "-c", KILLED_WRITER, "atomic_file", str(tmp_path / "out")], check=False)
    assert (tmp_path / "out").read_text() == "old"


def test_what_killed_writers_of_folders_left_can_be_removed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED_WRITER, "atomic_folder", str(tmp_path / "span-7")], check=False)
    (tmp_path / ".notes.tmp").mkdir()
    (tmp_path / "span-6").mkdir()
    storage.remove_unfinished(tmp_path, r"span-\d+")
    assert names(tmp_path) == [".notes.tmp", "span-6"]


def test_an_error_in_the_block_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(ZeroDivisionError), storage.atomic_file(tmp_path / "file") as unfinished:
        unfinished.write_text("new")
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), storage.atomic_folder(tmp_path / "folder") as folder:
        (folder / "file").write_text("new")
        raise ZeroDivisionError
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("name", ["n" * 255, "\u82b1" * 85])
def test_a_long_name_has_room_for_the_temporary_one(tmp_path: Path, name: str) -> None:
    with storage.atomic_file(tmp_path / name) as unfinished:
        unfinished.write_text("text")
    assert names(tmp_path) == [name]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    def fill(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with (
        pytest.raises(InputError, match=r"^.*file can't be written: No space left on device\.$"),
        storage.atomic_file(tmp_path / "file") as path,
    ):
        path.write_text("half")
        fill(path)
    with (
        pytest.raises(InputError, match=r"^.*folder can't be written: No space left on device\.$"),
        storage.atomic_folder(tmp_path / "folder") as path,
    ):
        fill(path / "file")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be made"), storage.atomic_folder(tmp_path / "file" / "folder"):
        raise AssertionError("it was entered")
    with pytest.raises(InputError, match="can't be written: Not a directory"), storage.atomic_file(tmp_path / "file" / "x") as path:
        path.write_text("text")


def test_a_folder_with_content_is_refused_or_replaced_as_asked(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with pytest.raises(InputError, match="not empty"), storage.atomic_folder(tmp_path / "out"):
        raise AssertionError("it was entered")
    with storage.atomic_folder(tmp_path / "out", replace=True, durable=True) as folder:
        (folder / "new").touch()
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["new"]


def test_a_replaced_folder_comes_back_when_the_rename_fails(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with pytest.raises(InputError, match="can't be written"), storage.atomic_folder(tmp_path / "out", replace=True) as folder:
        folder.rmdir()
    assert names(tmp_path / "out") == ["old"]


def test_of_two_who_fill_one_folder_one_succeeds(tmp_path: Path) -> None:
    def fill() -> Iterator[None]:
        with storage.atomic_folder(tmp_path / "out") as folder:
            (folder / "mine").touch()
            yield

    first, second = fill(), fill()
    next(first)
    next(second)
    next(first, None)
    with pytest.raises(InputError, match="meanwhile"):
        next(second)
    assert names(tmp_path) == ["out"]


def test_an_output_that_is_not_a_file_is_refused_with_its_option(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file") as refused, storage.output_file(tmp_path, "--out"):
        raise AssertionError("it was entered")
    assert "--out" in str(refused.value.hint)
    with pytest.raises(InputError, match="is not there"):
        storage.check_target(tmp_path / "absent" / "file", "--out")


def test_a_file_that_exists_in_the_block_is_not_taken_for_another_process(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be written: File exists"), storage.atomic_folder(tmp_path / "out") as folder:
        (folder / "twice").mkdir()
        (folder / "twice").mkdir()
