"""Ingest from a CSV to a span, through the Python API: what `flowers ingest` and the pipeline's node both call."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from PIL import Image

from flowers_tfx import features
from flowers_tfx.data.delivery import delivery_state
from flowers_tfx.data.ingest import IngestRequest, IngestResult, Reject, ingest
from flowers_tfx.data.photo_cache import PHOTOS
from flowers_tfx.data.properties import properties
from flowers_tfx.data.spans import list_spans, read_photos, span_digest
from flowers_tfx.errors import InputError
from tests.conftest import ROOT, small_photo, write_photos

pytestmark = pytest.mark.e2e
LABELS = ("daisy", "roses", "tulips")
Lines = Iterable[tuple[object, str]]


def local(workers: int = 1) -> Callable[[], beam.Pipeline]:
    options = [f"--direct_num_workers={workers}", "--direct_running_mode=multi_threading"] if workers > 1 else []
    return lambda: beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(options))


def photo_lines(photos: Path) -> list[tuple[str, str]]:
    return [(str(path), path.parent.name) for path in sorted(photos.glob("*/*.jpg"))]


def deliver(folder: Path, lines: Lines, name: str = "all.csv") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("".join(f"{uri},{label}\n" for uri, label in lines))
    return str(path)


def take(home: Path, lines: Lines, workers: int = 1, root: str = "root", **request: Any) -> IngestResult:
    return ingest(IngestRequest(deliver(home, lines), LABELS, str(home / root), **request), local(workers))


def file_digests(span_dir: Path, pattern: str) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(span_dir.glob(pattern))}


def read_examples(span_dir: Path, split: str) -> list[Any]:
    import tensorflow as tf

    files = sorted(str(path) for path in span_dir.glob(f"{split}-*.tfrecord.gz"))
    return [tf.train.Example.FromString(raw) for raw in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), per_class=40)


def test_a_span_holds_everything_about_its_photos(photos: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    csv = deliver(tmp_path, photo_lines(photos))
    request = IngestRequest(csv, LABELS, str(tmp_path / "root"), ingest_id="run-7")
    result = ingest(request, local(), lambda done, total: seen.append((done, total)))
    assert (result.span, result.examples, result.known, result.duplicates, result.rejected) == (1, 120, 0, 0, 0)
    assert sum(result.splits.values()) == 120
    assert list(result.as_json()) == ["span", "examples", "known", "duplicates", "rejected", "splits", "digest", "data_root", "seconds"]
    assert seen[-1] == (120, 120)
    assert seen == sorted(seen)

    span = list_spans(tmp_path / "root")[0]
    assert {path.name for path in span.path.iterdir()} == {
        *(f"{split}-00000-of-00001.tfrecord.gz" for split in features.SPLITS),
        *("manifest.json", "photos.parquet", "rejects.jsonl"),
    }
    manifest = span.manifest
    assert manifest["ingest_id"] == "run-7"
    assert manifest["delivery"] == delivery_state(csv, LABELS, [span]).digest
    assert manifest["label_counts"] == dict.fromkeys(LABELS, 40)
    assert {split: sum(counts.values()) for split, counts in manifest["label_counts_by_split"].items()} == result.splits
    for name, facts in manifest["files"].items():
        data = (span.path / name).read_bytes()
        assert facts == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    frame = read_photos(span)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert span_digest(rows) == result.digest == span.digest
    assert frame.digest.is_monotonic_increasing
    by_digest = {row["digest"]: row for row in rows}
    for split in features.SPLITS:
        for example in read_examples(span.path, split):
            found = example.features.feature
            image = found["image"].bytes_list.value[0]
            row = by_digest[found["digest"].bytes_list.value[0].decode()]
            assert hashlib.sha256(image).hexdigest() == row["digest"]
            assert row["split"] == split
            assert found["label"].bytes_list.value[0].decode() == row["label"]
            assert found["span"].int64_list.value[0] == 1
            measured = {name: value for name, value in properties(image, 10**7).items() if value is not None}
            assert set(found) == {"image", "label", "uri", "digest", "span", *measured}
            assert {name: row[name] for name in measured} == measured
            assert found["mean_luma"].float_list.value[0] == pytest.approx(row["mean_luma"], rel=1e-6)
            assert found["phash"].bytes_list.value[0].decode() == row["phash"]


def test_order_shards_and_workers_change_nothing(photos: Path, tmp_path: Path) -> None:
    lines = photo_lines(photos)
    lines += lines[:7]  # duplicates
    shuffled = random.Random(3).sample(lines, len(lines))
    first = take(tmp_path, lines, root="a")
    again = take(tmp_path, shuffled, root="b", workers=3)
    sharded = take(tmp_path, shuffled, root="c", shards=4)
    salted = take(tmp_path, lines, root="d", split_salt="other")
    assert first.digest == again.digest == sharded.digest != salted.digest
    assert first.splits == again.splits == sharded.splits
    assert first.duplicates == again.duplicates == sharded.duplicates == 7
    for pattern in ("*.gz", "photos.parquet"):
        assert file_digests(tmp_path / "a" / "span-1", pattern) == file_digests(tmp_path / "b" / "span-1", pattern)
    assert len(list((tmp_path / "c" / "span-1").glob("*-of-00004.tfrecord.gz"))) == 12
    assert file_digests(tmp_path / "a" / "span-1", "photos.parquet") == file_digests(tmp_path / "c" / "span-1", "photos.parquet")
    for split in features.SPLITS:
        one, four = (sorted(e.SerializeToString() for e in read_examples(tmp_path / r / "span-1", split)) for r in "ac")
        assert one == four


def test_every_split_has_a_file_that_beam_can_read(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", per_class=1)
    result = take(tmp_path, photo_lines(tmp_path / "photos"))
    for split in features.SPLITS:
        assert len(read_examples(tmp_path / "root" / "span-1", split)) == result.splits[split]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        pattern = str(tmp_path / "root" / "span-1" / "*.tfrecord.gz")
        (
            pipeline
            | beam.io.ReadFromTFRecord(pattern)
            | beam.combiners.Count.Globally()
            | beam.Map(lambda n: (tmp_path / "count").write_text(str(n)))
        )
    assert (tmp_path / "count").read_text() == "3"


def test_deliveries_add_up(photos: Path, tmp_path: Path) -> None:
    first = take(tmp_path, photo_lines(photos))
    nothing = take(tmp_path, photo_lines(photos))
    assert (nothing.span, nothing.digest, nothing.examples, nothing.known) == (None, None, 0, 120)
    assert PHOTOS.bytes == 0  # what is known is not taken out of the cache, but not kept either
    write_photos(tmp_path / "more", per_class=5, first=1000)
    lines = photo_lines(photos) + photo_lines(tmp_path / "more")
    state = delivery_state(deliver(tmp_path, lines), LABELS, list_spans(tmp_path / "root"))
    assert state.pending == 15
    second = take(tmp_path, lines)
    assert (second.span, second.examples, second.known) == (2, 15, 120)
    one, two = list_spans(tmp_path / "root")
    assert delivery_state(str(tmp_path / "all.csv"), LABELS, [one, two]).pending == 0
    assert not set(read_photos(one).digest) & set(read_photos(two).digest)
    assert first.digest == one.digest
    assert two.manifest["delivery"] == state.digest
    assert [path.name for path in (tmp_path / "root").iterdir() if path.name.startswith(".")] == [".lock"]


def test_a_number_that_is_taken(photos: Path, tmp_path: Path) -> None:
    assert take(tmp_path, photo_lines(photos)[:9], span=5).span == 5
    with pytest.raises(InputError, match="span-5 exists already"):
        take(tmp_path, photo_lines(photos), span=5)
    assert take(tmp_path, photo_lines(photos)).span == 6


def test_label_conflicts_are_set_aside(photos: Path, tmp_path: Path) -> None:
    lines = photo_lines(photos)[:20]
    shutil.copy(lines[0][0], tmp_path / "again.jpg")
    conflict = take(tmp_path, [*lines, (tmp_path / "again.jpg", "roses")])
    assert (conflict.examples, conflict.rejected) == (19, 2)
    for reject in conflict.rejects:
        assert all(word in reject.reason for word in ('"daisy"', '"roses"', "again.jpg", "0000.jpg", "line 1"))
        assert reject.digest == hashlib.sha256(small_photo(0)).hexdigest()
    later = take(tmp_path, [(lines[3][0], "tulips"), (photo_lines(photos)[50][0], "roses")])
    assert (later.span, later.examples, later.rejected) == (2, 1, 1)
    assert "span 1" in later.rejects[0].reason
    assert '"daisy"' in later.rejects[0].reason
    assert '"tulips"' in later.rejects[0].reason
    settled = delivery_state(str(tmp_path / "all.csv"), LABELS, list_spans(tmp_path / "root"))
    assert settled.pending == 0


def encoded(image: Image.Image, file_format: str = "JPEG", **settings: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **settings)
    return out.getvalue()


def test_bad_lines_and_files_are_rejects_with_reasons(photos: Path, tmp_path: Path) -> None:
    good = photo_lines(photos)[:6]
    whole = Path(good[0][0]).read_bytes()
    bad = {
        "empty.jpg": (b"", "empty file"),
        "text.jpg": (b"<html>", "not a picture"),
        "cut.jpg": (whole[: len(whole) // 2], "truncated or damaged"),
        "gif.jpg": (encoded(Image.new("RGB", (9, 9)), "GIF"), "GIF is not supported"),
        "huge.png": (encoded(Image.new("1", (12000, 9000)), "PNG"), "108 megapixels"),
    }
    for name, (data, _) in bad.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.jpg").mkdir()
    reasons = {name: words for name, (_, words) in bad.items()}
    reasons |= {"missing.jpg": "no such file", "folder.jpg": "a folder"}
    lines = [f"{uri},{label}" for uri, label in good] + [f"{name},daisy" for name in reasons]
    lines += [f"{good[1][0]},nettle", f"{good[1][0]},daisy,x", "", f"{good[1][0]},daisy", "cut.jpg,daisy"]
    (tmp_path / "all.csv").write_text("\n".join(lines) + "\n")
    result = ingest(IngestRequest(str(tmp_path / "all.csv"), LABELS, str(tmp_path / "root")), local())
    assert (result.examples, result.known, result.duplicates, result.rejected) == (6, 0, 1, len(reasons) + 4)
    assert result.examples + result.known + result.duplicates + result.rejected == len(lines)
    kept = [json.loads(line) for line in (tmp_path / "root" / "span-1" / "rejects.jsonl").read_text().splitlines()]
    assert [Reject(**reject) for reject in kept] == result.rejects
    assert [reject["line"] for reject in kept] == sorted(reject["line"] for reject in kept)
    for reject in kept:
        # Of a line that can't be told apart, the whole of it stands as the URI.
        uri = lines[reject["line"] - 1].removesuffix(",daisy").removesuffix(",nettle")
        assert reject["uri"] == uri
        assert reasons.get(uri, "") in reject["reason"]
    odd = {reject["line"]: reject["reason"] for reject in kept}
    assert odd[len(lines) - 4] == 'unknown label "nettle"'
    assert odd[len(lines) - 3] == "3 fields instead of 2 (uri,label)"
    assert odd[len(lines) - 2] == "blank line"


def test_nothing_usable_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"All 3 lines of .* 2 x no such file; 1 x unknown label") as caught:
        take(tmp_path, [("a.jpg", "daisy"), ("b.jpg", "daisy"), ("c.jpg", "nettle")])
    assert caught.value.hint
    assert [path.name for path in (tmp_path / "root").iterdir()] == [".lock"]
    with pytest.raises(InputError, match="is empty"):
        take(tmp_path, [])


def test_exif_photos_stand_upright_and_keep_their_bytes(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.linear_gradient("L").resize((60, 40)), exif=exif.tobytes())
    (tmp_path / "turned.jpg").write_bytes(data)
    result = take(tmp_path, [("turned.jpg", "daisy")])
    photo = read_photos(list_spans(tmp_path / "root")[0]).iloc[0]
    assert (photo.width_px, photo.height_px, photo.exif_orientation) == (40, 60, 6)
    split = next(split for split, count in result.splits.items() if count)
    assert read_examples(tmp_path / "root" / "span-1", split)[0].features.feature["image"].bytes_list.value[0] == data


def test_a_photo_that_changes_meanwhile(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flowers_tfx.data import uris

    lines = photo_lines(photos)[:9]
    honest = uris.read_bytes

    def changed(path: bytes, limit: int = -1) -> bytes:
        return b"other" if os.fsdecode(path) == lines[2][0] else honest(path, limit)

    monkeypatch.setattr(uris, "read_bytes", changed)
    in_memory = take(tmp_path, lines, root="in memory")
    assert (in_memory.examples, in_memory.rejected) == (9, 0)  # with the bytes that have the digest
    monkeypatch.setattr(PHOTOS, "max_bytes", 0)
    result = take(tmp_path, lines)
    assert (result.examples, result.rejected) == (8, 1)
    assert result.rejects[0].reason == "the file changed during the ingest"


SCRIPT = """
import json, sys
import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from flowers_tfx.data.ingest import IngestRequest, ingest
print("ready", flush=True)
request = IngestRequest(sys.argv[1], ("daisy", "roses", "tulips"), sys.argv[2])
result = ingest(request, lambda: beam.Pipeline(runner=FnApiRunner()))
# Not getrusage(): a child's starts at what its parent had.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({**result.as_json(), "peak_mib": int(peak.split()[1]) / 1024}))
"""


def start(csv: str, root: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, csv, str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


def outcome(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


@pytest.mark.parametrize("moment", ["work", "rows"])
def test_killed_half_way_and_run_again(tmp_path: Path, moment: str) -> None:
    write_photos(tmp_path / "photos", per_class=400)
    csv, root = deliver(tmp_path, photo_lines(tmp_path / "photos")), tmp_path / "root"
    process = start(csv, root)
    pattern = {"work": ".span-1.*.tmp/work/progress", "rows": ".span-1.*.tmp/work/*.rows"}[moment]
    while not list(root.glob(pattern)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert list_spans(root) == []
    assert list(root.glob(".span-1.*.tmp"))
    result = ingest(IngestRequest(csv, LABELS, str(root)), local())
    assert (result.span, result.examples) == (1, 1200)
    assert sorted(path.name for path in root.iterdir()) == [".lock", "span-1"]


def test_ctrl_c_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    def interrupted() -> beam.Pipeline:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(IngestRequest(deliver(tmp_path, photo_lines(photos)), LABELS, str(tmp_path / "root")), interrupted)
    assert [path.name for path in (tmp_path / "root").iterdir()] == [".lock"]


def test_two_at_once_get_two_numbers_and_no_photo_twice(photos: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_photos(tmp_path / "more", per_class=10, first=1000)
    lines = photo_lines(photos)
    both = [deliver(tmp_path, lines[:80], "one.csv"), deliver(tmp_path, lines[40:] + photo_lines(tmp_path / "more"), "two.csv")]
    results = [outcome(process) for process in [start(csv, root) for csv in both]]
    assert {result["span"] for result in results} == {1, 2}
    assert sum(result["examples"] for result in results) == 150
    assert sum(result["known"] for result in results) == 40
    digests = Counter(digest for span in list_spans(root) for digest in read_photos(span).digest)
    assert max(digests.values()) == 1


def test_memory_is_bounded_with_large_photos(tmp_path: Path) -> None:
    Image.new("L", (12000, 9000)).save(tmp_path / "over.jpg")
    photo = Image.effect_noise((800, 625), 40).resize((8000, 6250)).convert("RGB")
    photo.save(tmp_path / "limit.png", compress_level=1)
    photo.save(tmp_path / "limit.jpg", quality=95)
    photo.convert("CMYK").save(tmp_path / "progressive.jpg", progressive=True)
    csv = deliver(tmp_path, [(path.name, "daisy") for path in sorted(tmp_path.iterdir())])
    found = outcome(start(csv, tmp_path / "root"))
    assert (found["examples"], found["rejected"]) == (3, 1)
    assert found["peak_mib"] < 2048, found


@pytest.mark.photos
def test_real_photos_and_the_nasty_ones(shared: Path, tmp_path: Path) -> None:
    good = [(path, path.parent.name) for path in sorted((shared / "flower_photos").glob("*/*.jpg")) if path.parent.name in LABELS][::10]
    nasty = [(path, "daisy") for path in sorted((shared / "nasty").iterdir())]
    result = take(tmp_path, [*good, *nasty])
    assert result.examples + result.duplicates + result.rejected == len(good) + len(nasty)
    refused = {Path(reject.uri).name: reject.reason for reject in result.rejects}
    assert refused.keys() == {"not_an_image_583bytes.jpg", "truncated_progressive.jpg"}
    frame = read_photos(list_spans(tmp_path / "root")[0])
    names = frame.assign(name=frame.uri.map(lambda uri: Path(uri).name)).set_index("name")
    assert names.loc["exif_orient8_portrait.jpg", "height_px"] > names.loc["exif_orient8_portrait.jpg", "width_px"]
    assert names.loc["png_rgba_renamed_dandelion.jpg", "format"] == "PNG"
    assert names.loc["gray_hopper.jpg", "grayscale"] == 1
    shards = sum(path.stat().st_size for path in (tmp_path / "root" / "span-1").glob("*.gz"))
    assert shards <= 1.05 * frame.file_bytes.sum()


def test_the_photos_of_a_rejected_span_come_in_again_with_the_right_labels(tmp_path: Path) -> None:
    photos = photo_lines(write_photos(tmp_path / "photos", 3))
    wrong = [(uri, "roses" if label == "tulips" else label) for uri, label in photos]
    assert take(tmp_path, wrong).span == 1
    again = take(tmp_path, photos)
    assert (again.span, again.rejected) == (None, 3)  # unless asked to, ingest takes no photo of a span twice
    corrected = take(tmp_path, photos, replaces=1)
    assert (corrected.span, corrected.examples, corrected.known, corrected.rejected) == (2, len(photos), 0, 0)
    assert list_spans(tmp_path / "root")[1].manifest["replaces"] == 1
    assert delivery_state(deliver(tmp_path, photos), LABELS, list_spans(tmp_path / "root")).pending == 0
    listed_again = [take(tmp_path, photos), take(tmp_path, photos, replaces=1)]
    assert [(result.span, result.known, result.rejected) for result in listed_again] == [(None, len(photos), 0)] * 2
    old_list = take(tmp_path, wrong)
    assert (old_list.span, old_list.rejected) == (None, 3)
    with pytest.raises(InputError, match="no span 7"):
        take(tmp_path, photos, replaces=7)
