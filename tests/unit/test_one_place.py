"""One place for each thing: a test changes that place in a copy of the program, and looks whether the rest follows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowers_tfx.finding_kinds import KINDS
from tests.conftest import ROOT

COPIED = ("flowers_tfx", "runners", "pipeline_def.py", "schema", "setup.py")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the program that a test may change."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def insert(file: Path, before: str, text: str) -> None:
    """`text` in front of the first place where `before` stands."""
    source = file.read_text(encoding="utf-8")
    assert before in source
    file.write_text(source.replace(before, text + before, 1), encoding="utf-8")


def run_python(tree: Path, code: str) -> str:
    """What `code` prints when the program is the one in `tree`."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


WATERMARK = """KindSpec(
        "watermark", "Watermarks", "share of the photos with a watermark", "tested", (3.0, 30.0), json_key="mark", examples="pairs"
    ),
    """
USES_OF_A_KIND = """
import pandas as pd
from flowers_tfx.config import load_config
from flowers_tfx.errors import InputError
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.validation import Finding, Policy, Review
from flowers_tfx.validation.known_drift import TESTED_KINDS
from flowers_tfx.validation.review import Example

print(load_config(overrides=["review.levels={mark: [1, 2]}"]).review.levels)
print(Policy().limits("mark", ""), Policy().level("mark", "", 29), "mark" in TESTED_KINDS)
try:
    load_config(overrides=["review.levels={watermark: [1, 2]}"])
except InputError as error:
    print("mark" in error.message.split("known are")[1])
marks = Finding("mark:a", "warn", "mark", "a", "Marked.", effect=4.0, unit="points", examples=(Example("u", "d"), Example("v", "e")))
review = Review((Finding("property:a", "warn", "property", "a", "Other."), marks), {}, {"kind": "span"}, {})
print([finding.id for finding in review.findings], Review.from_json(review.as_json()) == review)
frame = pd.DataFrame({"uri": ["u"], "digest": ["d"], "label": ["rose"]})
page = render_html(review, frame, frame, {}, Context())
print("Watermarks: effect 4.0 points (share of the photos with a watermark)" in page, 'class="photos pairs"' in page)
"""


def test_a_row_makes_a_kind_of_finding(tree: Path) -> None:
    insert(tree / "flowers_tfx" / "finding_kinds.py", 'KindSpec(\n        "property"', WATERMARK)
    assert run_python(tree, USES_OF_A_KIND).splitlines() == [
        "{'mark': (1.0, 2.0)}",
        "(3.0, 30.0) warn True",
        "True",
        "['mark:a', 'property:a'] True",
        "True True",
    ]


def test_the_documents_say_the_levels_of_every_kind() -> None:
    text = (ROOT / "docs" / "interfaces.md").read_text(encoding="utf-8")
    rows = [f"| {kind.key} | {kind.levels[0]:g} | {kind.levels[1]:g} | {kind.effect_meaning} |" for kind in KINDS if kind.levels]
    assert "|---|---|---|---|\n" + "\n".join(rows) + "\n\n" in text
    assert '"kind": ' + " | ".join(f'"{kind.key}"' for kind in KINDS) + ",\n" in text


USES_OF_A_KEY = """
import json
from flowers_tfx.cli.reference import reference
from flowers_tfx.config import load_config
from flowers_tfx.config.training import TrainingConfig
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.settings import model_settings

print("| `training.momentum` | `0.9` | of the optimizer |" in reference(), "| `training.note` | empty | for people |" in reference())
config = load_config(overrides=["training.momentum=0.5", "training.note=2026-01-01", "training.eager=yes"])
print(config.training.momentum, config.training.note, config.training.eager)
for wrong in ("training.momentun=0.5", "training.momentum=2"):
    try:
        load_config(overrides=[wrong])
    except InputError as error:
        print(error)
        print(error.hint)
settings = json.loads(json.dumps(model_settings(config, ["daisy", "roses"])))
print(TrainingConfig(**settings["training"]) == config.training, settings["training"]["momentum"])
"""


def test_a_field_makes_a_configuration_key(tree: Path) -> None:
    fields = """    momentum: float = Field(0.9, ge=0, le=1, description="of the optimizer")
    note: str = Field("", description="for people")
    eager: Annotated[Switch, BeforeValidator(switch)] = Field("off", description="without graphs")
"""
    insert(tree / "flowers_tfx" / "config" / "training.py", "    seed: int", fields)
    assert run_python(tree, USES_OF_A_KEY).splitlines() == [
        "True True",
        "0.5 2026-01-01 on",
        "Configuration key training.momentun is unknown.",
        "Did you mean training.momentum?",
        "Configuration key training.momentum: Input should be less than or equal to 1 (got 2).",
        "training.momentum: of the optimizer.",
        "True 0.5",
    ]


DENSENET = """Backbone(
        "DenseNet121",
        rescaling=((1 / 58.395, 1 / 57.12, 1 / 57.375), (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225)),
        min_image_size=40,
    ),
    """
USES_OF_A_BACKBONE = """
import keras, numpy
import tensorflow as tf
from flowers_tfx.config import load_config, known_keys
from flowers_tfx.errors import InputError
from flowers_tfx.model.network import build
from flowers_tfx.model.signatures import flower_model

print(any(key == "model.backbone" and "DenseNet121" in text for key, _, text in known_keys()))
own = ["model.backbone=densenet-121", "model.alpha=1.0", "model.weights=none"]
for wrong in ("model.alpha=0.5", "model.image_size=32"):
    try:
        load_config(overrides=[*own, wrong])
    except InputError as error:
        print(error)
model = load_config(overrides=[*own, "model.image_size=40"]).model
network = build(model, classes=3)
pictures = numpy.random.default_rng(0).integers(0, 256, (2, 40, 40, 3)).astype("float32")
scaled = keras.applications.densenet.preprocess_input(pictures.copy())
print(model.backbone, numpy.allclose(network.backbone(pictures), network.application(scaled), atol=1e-4))
served = flower_model(network.full, 40, ["daisy", "roses", "tulips"])
photo = tf.io.encode_png(tf.cast(pictures[0], tf.uint8))
print(served.serving_default(photo[None])["probabilities"].shape)
"""


def test_a_row_makes_a_backbone(tree: Path) -> None:
    insert(tree / "flowers_tfx" / "backbones.py", 'Backbone("EfficientNetV2B0"', DENSENET)
    assert run_python(tree, USES_OF_A_BACKBONE).splitlines() == [
        "True",
        "Configuration key model.alpha: must be 1.0, since DenseNet121 has no width multiplier (got 0.5).",
        "Configuration key model.image_size: DenseNet121 needs 40 px or more (got 32).",
        "DenseNet121 True",
        "(1, 3)",
    ]
