"""What one row and one function do to a pipeline whose data root and serving model were there before."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tests.conftest import ROOT
from tests.e2e.conftest import Workshop
from tests.unit.test_one_place import BLUENESS_FUNCTION, BLUENESS_ROW, COPIED, insert

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long]


def program_with_blueness(folder: Path) -> Path:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    insert(folder / "flowers_tfx" / "features.py", 'Property("sharpness"', BLUENESS_ROW)
    insert(folder / "flowers_tfx" / "data" / "properties.py", "@image_property\ndef sharpness", BLUENESS_FUNCTION)
    return folder


def share_with_blueness(workshop: Workshop, program: Path) -> float:
    """Of the Examples that the newest run works on."""
    shown = workshop.flowers("runs", "show", "latest", "--config", str(workshop.config), "--json", cwd=program)
    [home] = [artifact["uri"] for artifact in shown["nodes"]["ImportExampleGen"]["artifacts"] if artifact["key"] == "examples"]
    files = [str(path) for path in Path(home).glob("Split-*/*.gz")]
    examples = [tf.train.Example.FromString(raw) for raw in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()]
    return sum("blueness" in example.features.feature for example in examples) / len(examples)


def test_an_added_property_stops_no_run_and_is_measured_when_asked_for(workshop: Workshop, tmp_path: Path) -> None:
    def review() -> Any:
        return workshop.flowers("review", "--config", str(workshop.config), "--json", cwd=program)

    workshop.deliver(20)
    assert workshop.run()["status"] == "succeeded"
    program = program_with_blueness(tmp_path)
    workshop.deliver(20, first=600)
    report = workshop.run(cwd=program)
    assert report["status"] == "succeeded"
    unmeasured = [finding for finding in review()["findings"] if finding["id"] == "schema:unmeasured:blueness"]
    assert [finding["level"] for finding in unmeasured] == ["note"]
    assert not [finding for finding in review()["findings"] if finding["id"] == "schema:anomaly:blueness"]
    assert "blueness" not in review()["scores"]
    assert share_with_blueness(workshop, program) == 0.5

    measured = workshop.flowers("spans", "measure", "--config", str(workshop.config), "--json", cwd=program)
    assert [(done["span"], done["properties"], done["photos"]) for done in measured] == [(1, ["blueness"], 60)]
    report = workshop.run(cwd=program)
    assert report["status"] == "succeeded"
    assert report["nodes"]["ImportExampleGen"]["state"] == "complete"
    assert not [finding for finding in review()["findings"] if "unmeasured" in finding["id"]]
    assert "kolmogorov_smirnov" in review()["scores"]["blueness"]
    assert share_with_blueness(workshop, program) == 1.0
    assert {node["state"] for node in workshop.run(cwd=program)["nodes"].values()} == {"cached"}
