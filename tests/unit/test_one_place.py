"""One place for each thing: a test changes that place in a copy of the program, and looks whether the rest follows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowers_tfx.finding_kinds import KINDS
from tests.conftest import ROOT

pytestmark = pytest.mark.one_stack

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


COMMAND = '''

@flowers.command()
@click.argument("photo")
@setting_option("--name", "name", help="Name of the pipeline.")
@with_config
def describe(config: PipelineConfig, photo: str) -> CommandResult:
    """Describes a photo."""
    if photo == "absent":
        raise InputError("absent is not a photo.", "Name another one.")
    return CommandResult({"photo": photo, "pipeline": config.name}, [f"{photo} of {config.name}"], warnings=["warned"])
'''
COMMAND_IMPORTS = """import click
from flowers_tfx.cli.command import setting_option
from flowers_tfx.errors import InputError

"""


def test_a_function_makes_a_command(tree: Path) -> None:
    file = tree / "flowers_tfx" / "cli" / "spans.py"
    insert(file, "if TYPE_CHECKING:", COMMAND_IMPORTS)
    insert(file, "\n\ndef spans_table", COMMAND)

    def flowers(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flowers_tfx", *arguments]
        return subprocess.run(command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False)

    assert ["describe", "Describes", "a", "photo."] in [line.split() for line in flowers("--help").stdout.splitlines()]
    lines = flowers("describe", "rose.jpg", "--set", "name=garden")
    assert (lines.returncode, lines.stdout, lines.stderr) == (0, "rose.jpg of garden\n", "warned\n")
    value = flowers("describe", "rose.jpg", "--set", "name=garden", "--name", "meadow", "--json")
    assert (json.loads(value.stdout), value.stderr) == ({"photo": "rose.jpg", "pipeline": "meadow"}, "warned\n")
    refused = flowers("describe", "absent", "--json")
    assert (refused.returncode, json.loads(refused.stdout)) == (2, {"error": "absent is not a photo.", "hint": "Name another one."})
    assert json.loads(flowers("describe", "rose.jpg", "--set", "nam=x", "--json").stdout).keys() == {"error", "hint"}


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
print("Watermarks: 4.0 points (share of the photos with a watermark)" in page, 'class="photos pairs"' in page)
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
    eager: Annotated[Switch, BeforeValidator(parse_on_off)] = Field("off", description="without graphs")
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
served = flower_model(network, 40, ["daisy", "roses", "tulips"])
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


BLUENESS_ROW = """Property("blueness", "blueness", "float", "0-1", "mean share of blue in the sum of the channels", 0, 1),
    """
BLUENESS_FUNCTION = """@image_property
def blueness(batch: PhotoBatch) -> Values:
    means = batch.channel_means
    return means[2] / np.maximum(means.sum(axis=0), 1.0)


"""
INGEST = """
import sys
import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from flowers_tfx.data.ingest import IngestRequest, ingest

def local():
    return beam.Pipeline(runner=FnApiRunner())

def take(csv, root):
    ingest(IngestRequest(csv, ("daisy", "roses"), root), local)
"""
USES_OF_A_PROPERTY = (
    INGEST
    + """
import contextlib, gzip, io, json
from flowers_tfx.cli.program import flowers
from flowers_tfx.cli.reference import properties_reference
from flowers_tfx.curated_schema import curated_schema
from flowers_tfx.tfrecords import read_records
from flowers_tfx.data.spans import list_spans, read_photos
from flowers_tfx.review.comparison import compare_sides
from flowers_tfx.review.pages import comparison_page
from flowers_tfx.review.sides import open_side, spans_side
from flowers_tfx.validation import Policy

take("blue.csv", "blue")
[new], [old] = list_spans("blue"), list_spans("old")
values = read_photos(new)["blueness"]
records = [record for shard in new.path.glob("*.gz") for record in read_records(gzip.open(shard))]
[feature] = [feature for feature in curated_schema().feature if feature.name == "blueness"]
quick = Policy(permutations=1500)
before = compare_sides(open_side(old.path), spans_side([new]), quick)
out = io.StringIO()
with contextlib.redirect_stdout(out):
    flowers.main(["spans", "measure", "--set", "data_root=old", "--json"], standalone_mode=False)
    flowers.main(["spans", "measure", "1", "--set", "data_root=old", "--json"], standalone_mode=False)
[measured], again = map(json.loads, out.getvalue().splitlines())
after = compare_sides(open_side(old.path), spans_side([new]), quick)
print(json.dumps({
    "range": [float(values.min()), float(values.max())],
    "examples": sum(b"blueness" in record for record in records),
    "domain": [feature.float_domain.min, feature.float_domain.max],
    "page": "| `blueness` | blueness | mean share of blue" in properties_reference(),
    "before": [[f.id, f.level, f.message] for f in before.review.findings if f.feature == "blueness"],
    "compared before": "blueness" in before.review.scores,
    "blocked by it": [f.id for f in before.review.blocking if "blueness" in f.id],
    "measured": [measured["span"], measured["properties"], measured["photos"], again],
    "after": [[f.id, f.level] for f in after.review.findings if f.feature == "blueness"],
    "report": "blueness" in comparison_page(after, "en"),
}))
"""
)


def test_a_row_and_a_function_make_a_property_also_of_spans_that_are_there(tree: Path, photos_of: Callable[..., Path]) -> None:
    for name, classes in (("old", ("daisy", "roses")), ("blue", ("roses", "daisy"))):
        # The hue of a photo follows from the place of its class: the third is blue.
        photos = photos_of(tree / f"{name}-photos", 30, classes if name == "old" else ("unused", *classes), 0 if name == "old" else 500)
        lines = [f"{photo},{photo.parent.name}\n" for photo in sorted(photos.glob("*/*.jpg")) if photo.parent.name != "unused"]
        (tree / f"{name}.csv").write_text("".join(lines))
    run_python(tree, INGEST + 'take("old.csv", "old")')
    data = tree / "flowers_tfx" / "data" / "properties.py"
    insert(tree / "flowers_tfx" / "features.py", 'Property("sharpness"', BLUENESS_ROW)
    insert(data, "@image_property\ndef sharpness", BLUENESS_FUNCTION)
    found = json.loads(run_python(tree, USES_OF_A_PROPERTY))
    assert 0.1 < found["range"][0] < found["range"][1] < 0.9
    assert (found["examples"], found["domain"], found["page"]) == (60, [0.0, 1.0], True)
    assert [note[:2] for note in found["before"]] == [["schema:unmeasured:blueness", "note"]]
    assert "not measured yet in span 1" in found["before"][0][2]
    assert (found["compared before"], found["blocked by it"]) == (False, [])
    assert found["measured"] == [1, ["blueness"], 60, []]
    assert found["after"] == [["property:blueness", "error"]]
    assert found["report"]


def test_a_property_without_its_function_cannot_be_imported(tree: Path) -> None:
    insert(tree / "flowers_tfx" / "features.py", 'Property("sharpness"', BLUENESS_ROW)
    with pytest.raises(AssertionError, match="blueness lack one"):
        run_python(tree, "import flowers_tfx.data.properties")
