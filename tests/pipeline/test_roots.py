"""Pipeline roots of runs in this process: what is refused before anything starts, and what stays on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowers_tfx.config import load_config
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.roots import check_root, log_folder
from flowers_tfx.orchestration.settings import metadata_connection
from pipeline_def import create_pipeline

GS = "pipeline_root=gs://flowers/root"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("pipeline_root=s3://flowers/root", "metadata=state.sqlite"), "TensorFlow cannot write to s3://"),
        (("pipeline_root=minio://flowers/root", "metadata=state.sqlite"), "TensorFlow cannot write to minio://"),
        ((GS,), "in a bucket, where ML Metadata cannot be"),
    ],
)
def test_roots_that_cannot_be_used_are_refused(settings: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_root(load_config(None, settings))


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        (("pipeline_root=here",), "here/logs"),
        ((GS, "metadata=state/metadata.sqlite"), "state/logs"),
        ((GS, "metadata=mysql://me@host/db", "name=tulips"), "home/flowers_tfx/tulips/logs"),
    ],
)
def test_logs_stay_on_this_machine(settings: tuple[str, ...], folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "home")
    config = load_config(None, settings)
    check_root(config)
    assert log_folder(config) == Path(folder)


def test_reviews_are_kept_in_the_bucket_where_the_run_asks_for_it() -> None:
    config = load_config(None, (GS, "metadata=state.sqlite", "model.weights=none"))
    assert metadata_connection(config).sqlite.filename_uri == "state.sqlite"
    for asked in ("", config.pipeline_root):
        (node,) = (node for node in create_pipeline(config, asked).components if node.id == "DataReview")
        assert node.exec_properties["reviews_root"] == asked
