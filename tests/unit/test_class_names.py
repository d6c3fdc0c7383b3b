"""A class name has one spelling, wherever it comes from: macOS writes the ö of a folder name as o and a combining diaeresis."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flowers_tfx.class_names import class_name, with_class_names
from flowers_tfx.config import load_config
from flowers_tfx.curated_schema import curated_schema, labels_of
from flowers_tfx.data.delivery import delivery_state, read_labels, read_line
from flowers_tfx.data.ingest import IngestRequest
from flowers_tfx.data.spans import list_spans, processed_photos, read_photos
from flowers_tfx.data.tables import read_table
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.settings import pipeline_schema
from flowers_tfx.review.schema_findings import schema_changes
from flowers_tfx.validation import Policy, compare
from tests.unit.tables import table

MAC, NFC = "Lo\N{COMBINING DIAERESIS}wenzahn", "L\N{LATIN SMALL LETTER O WITH DIAERESIS}wenzahn"
SCHEMA = 'string_domain {{ name: "label" {values} }} feature {{ name: "label" type: BYTES domain: "label" }}'


def schema_file(folder: Path, *classes: str) -> str:
    path = folder / "schema.pbtxt"
    path.write_text(SCHEMA.format(values=" ".join(f'value: "{name}"' for name in classes)), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("text", "name"), [(MAC, NFC), (NFC, NFC), (f" {MAC}\t", NFC), ("Ōsaka 2", "Ōsaka 2"), ("\udce9", "\udce9")])
def test_one_spelling(text: str, name: str) -> None:
    assert class_name(text) == name


def test_a_labels_file(tmp_path: Path) -> None:
    path = tmp_path / "dict.txt"
    path.write_text(f"\ufeff{MAC}\r\nroses\r\n", encoding="utf-8")
    assert read_labels(path) == (NFC, "roses")
    path.write_text(f"{MAC}\nroses\n{NFC}\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf'names "{NFC}" twice \(line 3\)'):
        read_labels(path)


def test_a_line_of_a_delivery_keeps_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / MAC).mkdir()
    (tmp_path / MAC / "1.jpg").write_bytes(b"photo")
    line = read_line(1, f"{MAC}/1.jpg,{MAC}\n".encode(), str(tmp_path), {NFC})
    assert (line.label, line.reason, line.uri) == (NFC, "", f"{MAC}/1.jpg")


def test_an_unknown_label_shows_the_characters_that_nobody_sees(tmp_path: Path) -> None:
    line = read_line(1, "1.jpg,dai\u200bsy\u00a0x\n".encode(), str(tmp_path), {"daisy"})
    assert line.reason == r'unknown label "dai\u200bsy\xa0x"'


def test_the_classes_of_a_request_and_of_a_delivery_state(tmp_path: Path) -> None:
    assert IngestRequest("all.csv", (MAC,), "data").labels == (NFC,)
    (tmp_path / "1.jpg").write_bytes(b"photo")
    (tmp_path / "all.csv").write_text(f"1.jpg,{NFC}\n", encoding="utf-8")
    assert delivery_state(str(tmp_path / "all.csv"), [MAC], []).pending == 1


def test_a_curated_schema(tmp_path: Path) -> None:
    schema = curated_schema(schema_file(tmp_path, MAC, " roses "))
    assert list(schema.string_domain[0].value) == [NFC, "roses"]
    assert labels_of(curated_schema("", (MAC, "roses"))) == (NFC, "roses")


@pytest.mark.parametrize(("classes", "words"), [((MAC, "roses", NFC), f'"{NFC}" twice'), (("roses", " "), "without a name")])
def test_classes_that_are_the_same_or_blank_are_refused(tmp_path: Path, classes: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        curated_schema(schema_file(tmp_path, *classes))
    assert "schema.pbtxt" in str(caught.value)
    with pytest.raises(InputError, match=words) as caught:
        curated_schema("", classes)
    assert "`labels`" in str(caught.value)


def test_the_configuration(tmp_path: Path) -> None:
    assert pipeline_schema(load_config(None, [f"labels={MAC},roses"])).labels == (NFC, "roses")
    names = tmp_path / f"{MAC}.txt"  # the path is not a class name
    names.write_text(f"{MAC}\nroses\n", encoding="utf-8")
    assert pipeline_schema(load_config(None, [f"labels=[{names}]"])).labels == (NFC, "roses")


def renamed(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame.assign(label=frame.label.replace("daisy", name))


def test_tables_that_spell_a_class_in_two_ways_have_the_same_class() -> None:
    old, new = table(200, 1), table(100, 2)
    policy = Policy(permutations=1500)
    same = compare(renamed(old, NFC), renamed(new, NFC), policy).as_json()
    assert compare(renamed(old, MAC), renamed(new, NFC), policy).as_json() == same
    assert not [finding for finding in same["findings"] if finding["kind"] == "label"]


def test_a_table_keeps_its_other_labels_and_its_type() -> None:
    frame = pd.DataFrame({"label": pd.Series([NFC, "roses"], dtype="category")})
    assert with_class_names(frame) is frame
    odd = pd.DataFrame({"label": [MAC, None, 3, 4.5, ["a"]]})
    assert with_class_names(odd).label.tolist() == [NFC, None, 3, 4.5, ["a"]]


def test_a_table_of_an_older_version(tmp_path: Path) -> None:
    pq.write_table(pa.table({"digest": ["0" * 64], "label": [MAC]}), tmp_path / "old.parquet")
    assert read_table(tmp_path / "old.parquet").frame.label.tolist() == [NFC]


def test_a_span_of_an_older_version(tmp_path: Path) -> None:
    span_dir = tmp_path / "span-1"
    span_dir.mkdir()
    counts = {MAC: 1, "roses": 0}
    manifest = {"format_version": 1, "span": 1, "digest": "d", "labels": list(counts), "label_counts": counts, "properties": []}
    (span_dir / "manifest.json").write_text(json.dumps({**manifest, "label_counts_by_split": {"train": counts}}))
    pq.write_table(pa.table({"digest": ["0" * 64], "label": [MAC]}), span_dir / "photos.parquet")
    (span_dir / "rejects.jsonl").write_text(json.dumps({"digest": "1" * 64, "label": MAC}) + "\n")
    [span] = list_spans(tmp_path)
    assert span.labels == (NFC, "roses")
    assert span.manifest["label_counts"] == span.manifest["label_counts_by_split"]["train"] == {NFC: 1, "roses": 0}
    assert read_photos(span).label.tolist() == [NFC]
    assert [label for _, label in processed_photos(span)] == [NFC, NFC]


def test_the_schema_of_an_older_serving_model_has_the_same_classes(tmp_path: Path) -> None:
    """Nor does its feature label_int, which nothing writes any more, count as a change."""
    uris = []
    for name in (MAC, NFC):
        (tmp_path / name).mkdir()
        path = schema_file(tmp_path / name, name, "roses")
        uris.append(str(Path(path).parent))
    with (tmp_path / MAC / "schema.pbtxt").open("a") as old:
        old.write(' feature { name: "label_int" type: INT }')
    assert schema_changes(*uris) == []
