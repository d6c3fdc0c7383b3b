"""Properties that were added to the table after a span was written: their files beside the span, and who sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pandas as pd
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from flowers_tfx import features
from flowers_tfx.data.ingest import IngestRequest, ingest
from flowers_tfx.data.sidecars import MeasuredValues, read_sidecars, sidecar_dir
from flowers_tfx.data.span_measurement import measure_span
from flowers_tfx.data.spans import Span, list_spans, missing_properties, read_photos
from flowers_tfx.data.windows import span_identities, unmeasured_in, window_spans, window_text
from flowers_tfx.errors import InputError
from flowers_tfx.selection import fingerprint

MISSING = ("noise", "exif_orientation")


def local() -> beam.Pipeline:
    return beam.Pipeline(runner=FnApiRunner())


def only_span(root: Path) -> Span:
    [span] = list_spans(root)
    return span


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, photos_of: Callable[..., Path]) -> Path:
    home = tmp_path_factory.mktemp("sidecars")
    photos = sorted(photos_of(home / "photos", 7).glob("*/*.jpg"))
    csv = home / "all.csv"
    csv.write_text("".join(f"{photo},{photo.parent.name}\n" for photo in photos))
    ingest(IngestRequest(str(csv), ("daisy", "roses", "tulips"), str(home / "root"), shards=2), local)
    return home / "root"


@pytest.fixture
def root(ingested: Path, tmp_path: Path) -> Path:
    """A data root with one span that was written before two properties were added to the table."""
    import shutil

    shutil.copytree(ingested, tmp_path / "root")
    span_dir = tmp_path / "root" / "span-1"
    manifest = json.loads((span_dir / "manifest.json").read_text())
    del manifest["properties"]
    (span_dir / "manifest.json").write_text(json.dumps(manifest))
    table = pq.read_table(span_dir / "photos.parquet")
    pq.write_table(table.drop(list(MISSING)), span_dir / "photos.parquet")
    return tmp_path / "root"


def test_a_span_says_what_was_measured(ingested: Path) -> None:
    assert only_span(ingested).manifest["properties"] == list(features.PROPERTY_NAMES)
    assert missing_properties(only_span(ingested)) == ()
    assert window_text([only_span(ingested)]) == json.dumps([{"digest": only_span(ingested).digest, "span": 1}], separators=(",", ":"))


def test_what_a_span_lacks_is_measured_into_a_sidecar(root: Path, ingested: Path) -> None:
    before = only_span(root)
    files = {path: path.read_bytes() for path in (root / "span-1").iterdir()}
    assert unmeasured_in([before]) == dict.fromkeys(MISSING, "span 1")
    assert not set(MISSING) & set(read_photos(before).columns)
    seen: list[tuple[int, int]] = []
    result = measure_span(before, local, lambda done, total: seen.append((done, total)))
    assert (result.properties, result.photos) == (MISSING, 21)
    assert seen[-1] == (21, 21)
    span = only_span(root)
    assert missing_properties(span) == ()
    whole = read_photos(only_span(ingested))
    pd.testing.assert_frame_equal(read_photos(span)[whole.columns], whole)
    assert {path: path.read_bytes() for path in (root / "span-1").iterdir()} == files
    assert sorted(path.name for path in root.iterdir() if not path.name.startswith(".lock")) == ["measured", "span-1"]
    again = measure_span(span, local)
    assert (again.properties, again.sidecar) == ((), None)


def test_a_window_names_the_sidecars_that_its_readers_see(root: Path) -> None:
    before = window_text(list_spans(root))
    measure_span(only_span(root), local)
    after = window_text(list_spans(root))
    assert after != before
    assert span_identities(after) == span_identities(before) == json.loads(before)
    assert fingerprint(after, "settings") == fingerprint(before, "settings")
    # A run that began before keeps to what it saw.
    assert [missing_properties(span) for span in window_spans(str(root), before)] == [MISSING]
    assert [missing_properties(span) for span in window_spans(str(root), after)] == [()]
    [file] = sidecar_dir(root / "span-1").iterdir()
    file.unlink()
    with pytest.raises(InputError, match="removed or changed"):
        window_spans(str(root), after)


def test_a_sidecar_of_another_span_does_not_count_and_a_damaged_one_is_named(root: Path) -> None:
    measure_span(only_span(root), local)
    [file] = sidecar_dir(root / "span-1").iterdir()
    other = file.with_name("0" * 64 + file.name[64:])
    file.rename(other)
    assert missing_properties(only_span(root)) == MISSING
    other.rename(file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="damaged"):
        read_photos(only_span(root))


def test_values_of_a_photo(root: Path) -> None:
    measure_span(only_span(root), local)
    span = only_span(root)
    values = MeasuredValues(list(read_sidecars(span.path, span.digest, span.sidecars)))
    frame = read_photos(span)
    for digest, noise in zip(frame.digest, frame.noise, strict=True):
        assert values.for_photo(digest) == {"noise": noise, "exif_orientation": None}
    assert values.for_photo("f" * 64) == {}
