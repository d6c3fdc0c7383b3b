"""Executors on files of this machine, for artifacts in a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from flowers_tfx.components.local_artifacts import local_artifacts
from tests.unit.buckets import FakeStore


def artifact(uri: str) -> standard_artifacts.Schema:
    found = standard_artifacts.Schema()
    found.uri = uri
    return found


class Copying:
    fails = False

    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, Any], exec_properties: dict[str, Any]) -> None:
        with local_artifacts(input_dict, output_dict):
            self.work(input_dict, output_dict, exec_properties)

    def work(self, input_dict: dict[str, Any], output_dict: dict[str, Any], exec_properties: dict[str, Any]) -> None:
        (given,), (made,) = input_dict["given"], output_dict["made"]
        assert "://" not in given.uri + made.uri
        assert sorted(path.name for path in Path(given.uri).rglob("*")) == ["a", "deep", "in it"]
        Path(made.uri, "deep").mkdir(parents=True)
        Path(made.uri, "deep", "b").write_text(Path(given.uri, "deep", "a").read_text() + exec_properties["more"])
        made.set_string_custom_property("answer", "yes")
        if self.fails:
            raise ValueError("no")


@pytest.fixture
def folders(store: FakeStore) -> tuple[dict[str, Any], dict[str, Any]]:
    for key in ("root/given/1/deep/a", "root/given/1/in it"):
        store.write(key, b"one")
    store.write("root/given/12/other", b"")
    return {"given": [artifact("gs://bucket/root/given/1")]}, {"made": [artifact("gs://bucket/root/made/2")]}


def test_artifacts_are_downloaded_and_uploaded(store: FakeStore, folders: tuple[dict[str, Any], dict[str, Any]]) -> None:
    inputs, outputs = folders
    Copying().Do(inputs, outputs, {"more": " two"})
    assert store.read("root/made/2/deep/b")[0] == b"one two"
    assert inputs["given"][0].uri == "gs://bucket/root/given/1"
    assert outputs["made"][0].uri == "gs://bucket/root/made/2"
    assert outputs["made"][0].get_string_custom_property("answer") == "yes"


def test_nothing_is_uploaded_of_an_executor_that_fails(store: FakeStore, folders: tuple[dict[str, Any], dict[str, Any]]) -> None:
    before = dict(store.objects)
    work = Copying()
    work.fails = True
    with pytest.raises(ValueError, match="no"):
        work.Do(*folders, {"more": ""})
    assert store.objects == before
    assert folders[1]["made"][0].uri == "gs://bucket/root/made/2"


def test_folders_stay_where_they_are(tmp_path: Path) -> None:
    for name in ("deep/a", "in it"):
        (tmp_path / "given" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "given" / name).write_text("one")
    Copying().Do({"given": [artifact(str(tmp_path / "given"))]}, {"made": [artifact(str(tmp_path / "made"))]}, {"more": ""})
    assert (tmp_path / "made/deep/b").read_text() == "one"
