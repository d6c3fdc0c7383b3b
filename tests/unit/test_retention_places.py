"""Where a pipeline's files lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowers_tfx.config import parse_config
from flowers_tfx.retention.places import metadata_file, places
from flowers_tfx.storage import BucketPath, storage_path


def _paths(settings: dict[str, object]) -> dict[str, str]:
    return {place.name: str(place.path) for place in places(parse_config(settings)) if place.name != "copies"}


def test_places_on_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings = {name: str(tmp_path / name) for name in ("data_root", "pipeline_root", "registry")}
    assert _paths({**settings, "serving": {name: str(tmp_path / name) for name in ("feedback_dir", "record_dir")}}) == {
        **settings,
        "logs": str(tmp_path / "pipeline_root" / "logs"),
        "metadata": str(tmp_path / "pipeline_root" / "metadata.sqlite"),
        "feedback": str(tmp_path / "feedback_dir"),
        "records": str(tmp_path / "record_dir"),
        "cache": str(tmp_path / "cache" / "flowers_tfx" / "backbones"),
    }


def test_places_in_buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    paths = _paths(
        {"data_root": "s3://b/data", "pipeline_root": "gs://b/runs", "registry": "s3://b/registry", "metadata": "mysql://u@h/db"}
    )
    assert isinstance(storage_path(paths["data_root"]), BucketPath)
    assert "metadata" not in paths and "feedback" not in paths
    assert paths["logs"].startswith(str(tmp_path))


def test_copies_of_models_and_pages_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("flowers-model-1", "flowers-review-1", "other"):
        (tmp_path / name).mkdir()
    copies = [place.path for place in places(parse_config({})) if place.name == "copies"]
    assert copies == [tmp_path / "flowers-model-1", tmp_path / "flowers-review-1"]


def test_kubeflow_has_its_own_metadata() -> None:
    assert metadata_file(parse_config({"pipeline_root": "s3://b/runs"})) is None
    assert metadata_file(parse_config({"metadata": "m.sqlite"})) == Path("m.sqlite")
