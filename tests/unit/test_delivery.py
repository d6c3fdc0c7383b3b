from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import random
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flowers_tfx.data import delivery, uris
from flowers_tfx.data.delivery import Line, delivery_state, read_chunk, read_labels, read_line, survey
from flowers_tfx.data.spans import Span
from flowers_tfx.errors import InputError

LABELS = frozenset({"daisy", "roses"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(b"photo %d" % number)
    return tmp_path


def check_line(raw: bytes, folder: Path) -> Line:
    return read_line(7, raw, str(folder), LABELS)


def write_csv(folder: Path, text: str | bytes, name: str = "all.csv") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_labels_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dict.txt"
    path.write_bytes(b"\xef\xbb\xbftulips\r\ndaisy\r\n")
    assert read_labels(path) == ("tulips", "daisy")


@pytest.mark.parametrize(
    ("text", "words"),
    [(b"", "empty"), (b"daisy\n\nroses\n", "Line 2"), (b"daisy\nroses\ndaisy\n", 'names "daisy" twice'), (b"\xff\xfe", "not UTF-8")],
)
def test_labels_that_make_no_sense(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "dict.txt"
    path.write_bytes(text)
    with pytest.raises(InputError, match=words) as caught:
        read_labels(path)
    assert caught.value.hint


def test_missing_files_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_labels(tmp_path / "dict.txt")
    with pytest.raises(InputError, match="no such file"):
        survey(str(tmp_path / "all.csv"))
    with pytest.raises(InputError, match="folder"):
        survey(str(tmp_path))


def test_an_empty_csv_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty"):
        survey(write_csv(tmp_path, ""))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_counts_and_is_read_once(folder: Path, end: str, last: bool) -> None:
    lines = [f"{n % 5}.jpg,daisy" for n in range(300)] + ["", "x,y,z", ""]
    text = end.join(lines) + end * last
    path = write_csv(folder, "\ufeff" + text)
    found = survey(path)
    # A last line that is blank and has no line end is not counted.
    assert found.lines == (303 if last else 302)
    assert found.local_bytes == 300 * 7
    read = [item for chunk in found.chunks for item in read_chunk(path, chunk)]
    assert [number for number, _ in read] == list(range(1, found.lines + 1))
    assert sum(bool(read_line(n, raw, str(folder), LABELS).digest) for n, raw in read) == 300


def test_a_good_line(folder: Path) -> None:
    line = check_line(b"1.jpg,roses\r\n", folder)
    assert (line.number, line.uri, line.label, line.size) == (7, "1.jpg", "roses", 7)
    assert line.digest == hashlib.sha256(b"photo 1").digest()
    assert os.fsdecode(line.path) == str(folder / "1.jpg")


def test_ways_to_write_a_uri(folder: Path) -> None:
    (folder / "a, b.jpg").write_bytes(b"comma")
    (folder / "c d.jpg").write_bytes(b"space")
    odd = os.fsdecode(b"gr\xfc\xdfe.jpg")
    (folder / odd).write_bytes(b"latin-1")
    assert check_line(b'"a, b.jpg",daisy', folder).digest
    assert check_line(b" 1.jpg , daisy ", folder).digest
    assert check_line(f"{folder}/1.jpg,daisy".encode(), folder).digest
    assert check_line(f"file://{folder}/c%20d.jpg,daisy".encode(), folder).digest
    line = check_line(b"gr\xfc\xdfe.jpg,daisy", folder)
    assert line.digest == hashlib.sha256(b"latin-1").digest()
    assert line.uri == r"gr\xfc\xdfe.jpg"


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (b"\n", "blank", "blank line"),
        (b" \r\n", "blank", "blank line"),
        (b"1.jpg\n", "fields", "1 field instead of 2"),
        (b"1.jpg,daisy,x\n", "fields", "3 fields instead of 2"),
        (b",daisy\n", "uri", "no URI"),
        (b"1.jpg,daisies\n", "label", 'unknown label "daisies"'),
        (b"1.jpg,\n", "label", 'unknown label ""'),
        (b'"1.jpg,daisy\n', "malformed", "not a line of CSV"),
        (b"1\0.jpg,daisy\n", "malformed", "NUL"),
        (b"none.jpg,daisy\n", "missing", "no such file"),
        (b"1.jpg/x,daisy\n", "missing", "no such file"),
        (b"x" * 5000 + b",daisy\n", "missing", "no such file"),
        (b"sub,daisy\n", "folder", "a folder"),
        (b"pipe,daisy\n", "special", "not a regular file"),
        (b"ftp://host/1.jpg,daisy\n", "scheme", '"ftp://" is not supported'),
    ],
)
def test_bad_lines_have_a_reason(folder: Path, raw: bytes, kind: str, words: str) -> None:
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    line = check_line(raw, folder)
    assert not line.digest
    assert line.kind == kind
    assert words in line.reason


def test_a_file_without_permission(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(uris.os, "open", refuse)  # root, as tests may run, reads everything
    line = check_line(b"1.jpg,daisy", folder)
    assert (line.kind, line.reason) == ("permission", "no permission to read the file")


def state(folder: Path, lines: list[tuple[str, str]], spans: tuple[Span, ...] = ()) -> delivery.DeliveryState:
    with (folder / "all.csv").open("w", newline="") as out:
        csv.writer(out).writerows(lines)
    return delivery_state(str(folder / "all.csv"), sorted(LABELS), spans)


def test_the_state_is_that_of_the_content(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    lines = [(f"{n}.jpg", "daisy") for n in range(5)] + [("none.jpg", "daisy"), ("1.jpg", "nettle")]
    first = state(folder, lines)
    assert first.pending == 5
    os.utime(folder / "1.jpg", (1, 1))
    assert state(folder, random.Random(0).sample(lines, len(lines))) == first
    other = tmp_path_factory.mktemp("moved")
    for n in range(5):
        (other / f"{n}x.jpg").write_bytes((folder / f"{n}.jpg").read_bytes())
    moved = [(uri.replace(".jpg", "x.jpg") if label == "daisy" and uri != "none.jpg" else uri, label) for uri, label in lines]
    assert state(other, moved) == first
    before = (folder / "2.jpg").stat()
    (folder / "2.jpg").write_bytes(b"photo X")
    os.utime(folder / "2.jpg", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert state(folder, lines).digest != first.digest
    assert state(folder, [*lines[:-1], ("1.jpg", "roses")]).digest != first.digest


def test_pending_is_what_no_span_has_taken_or_rejected(folder: Path) -> None:
    digests = [hashlib.sha256(b"photo %d" % n).hexdigest() for n in range(5)]
    span_dir = folder / "span-1"
    span_dir.mkdir()
    frame = pd.DataFrame({"digest": digests[:2], "label": ["daisy", "roses"]})
    pq.write_table(pa.Table.from_pandas(frame), span_dir / "photos.parquet")
    rejects = [
        {"uri": "2.jpg", "label": "daisy", "line": 1, "reason": "?", "digest": digests[2]},
        {"uri": "x", "label": "daisy", "line": 2},
    ]
    (span_dir / "rejects.jsonl").write_text("".join(json.dumps(reject) + "\n" for reject in rejects))
    span = Span(1, span_dir, "", {})
    found = state(folder, [(f"{n}.jpg", "daisy") for n in range(5)] + [("none.jpg", "daisy")], (span,))
    # 0 was taken and 2 rejected; 1 was taken under another label; 3 and 4 are new; a missing file holds no photo.
    assert found.pending == 3
