"""Reading what was recorded: Parquet files and files that are being written, by time, number and version."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flowers_tfx.errors import InputError
from flowers_tfx.monitoring.closed_segments import write_closed_segment
from flowers_tfx.monitoring.records import read_records
from flowers_tfx.monitoring.segments import ANSWERS, open_name, segment_name
from tests.unit.recorded_answers import START_US, recorded, write_open_segment


def name_of(number: int) -> str:
    return segment_name(START_US // 1000 + number * 1000, "ab")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten answers: five in a Parquet file, five in a segment that is being written; every second one was measured."""
    rows = [recorded(number, measured=number % 2 == 0, version=1 + number // 5) for number in range(10)]
    write_closed_segment(tmp_path, name_of(0), rows[:5])
    write_open_segment(tmp_path, name_of(5), rows[5:])
    return tmp_path


def test_both_kinds_of_file_are_read_alike(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    frame = read_records(str(folder))
    assert frame["id"].tolist() == [f"{number:032x}" for number in range(10)]
    assert frame["uri"][3] == f"{3:032x}/0"
    assert frame["measured"].tolist() == [number % 2 == 0 for number in range(10)]
    assert frame["width_px"].tolist()[:3] == [320, pd.NA, 322] and frame["width_px"].dtype == "Int64"
    assert frame["time"][0] == datetime.fromtimestamp(START_US / 1e6, timezone.utc)
    for number in (2, 6):
        np.testing.assert_array_equal(frame["embedding"][number], np.arange(4, dtype=np.float32) + number)
    assert frame["embedding"][1] is None
    whole = tmp_path_factory.mktemp("whole")
    write_closed_segment(whole, name_of(0), [recorded(n, measured=n % 2 == 0, version=1 + n // 5) for n in range(10)])
    pd.testing.assert_frame_equal(frame, read_records(str(whole)))


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        ({"last": 3}, [7, 8, 9]),
        ({"last": 7}, [3, 4, 5, 6, 7, 8, 9]),
        ({"version": 1}, [0, 1, 2, 3, 4]),
        ({"version": 1, "last": 2}, [3, 4]),
        ({"version": 3}, []),
        ({"ids": {f"{4:032x}", f"{7:032x}", f"{10:032x}"}}, [4, 7]),
        ({"since": datetime.fromtimestamp(START_US / 1e6 + 4, timezone.utc)}, [4, 5, 6, 7, 8, 9]),
        ({"since": datetime.fromtimestamp(START_US / 1e6 + 8, timezone.utc), "last": 5}, [8, 9]),
    ],
)
def test_a_window_is_chosen(folder: Path, choice: dict[str, Any], numbers: list[int]) -> None:
    frame = read_records(str(folder), **choice)
    assert frame["id"].tolist() == [f"{number:032x}" for number in numbers]
    assert list(frame.columns) == list(read_records(str(folder)).columns)
    assert frame.dtypes.equals(read_records(str(folder)).dtypes)


def test_embeddings_can_be_left_out(folder: Path) -> None:
    assert set(read_records(str(folder)).columns) - set(read_records(str(folder), embeddings=False).columns) == {"embedding"}


def test_a_line_that_is_being_written_waits_for_its_end(folder: Path) -> None:
    path = folder / open_name(name_of(5), ANSWERS)
    path.write_bytes(path.read_bytes()[:-1])
    assert len(read_records(str(folder))) == 9


def test_a_line_that_a_full_disk_cut_short_is_passed_over(folder: Path) -> None:
    path = folder / open_name(name_of(5), ANSWERS)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:2], lines[2][:20], *lines[3:]]) + b"\n")
    assert len(read_records(str(folder))) == 9


def test_a_segment_that_was_closed_by_a_killed_process_counts_once(folder: Path) -> None:
    rows = [recorded(number, measured=number % 2 == 0, version=1 + number // 5) for number in range(5, 10)]
    before = read_records(str(folder))
    write_closed_segment(folder, name_of(5), rows)  # its open files are still there
    pd.testing.assert_frame_equal(before, read_records(str(folder)))


def test_what_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        read_records(str(tmp_path / "nothing"))
    [closed] = folder.glob("*.parquet")
    closed.write_bytes(b"PAR1" + b"x" * 100)
    with pytest.raises(InputError, match="damaged"):
        read_records(str(folder))


def test_a_damaged_file_is_named_whatever_is_damaged(folder: Path) -> None:
    """A page that cannot be unpacked is an OSError of Arrow's, a name that is no text a UnicodeDecodeError."""
    [path] = folder.glob("*.parquet")
    content = path.read_bytes()
    half = len(content) // 2
    for damaged in (content[:half] + bytes(200) + content[half + 200 :], content.replace(b"mean_luma", b"\xa8ean_luma")):
        assert damaged != content and len(damaged) == len(content)
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=f"{path.name} is damaged: "):
            read_records(str(folder))
