from __future__ import annotations

from pathlib import Path

import pytest

from flowers_tfx.cli.reference import reference
from flowers_tfx.config import PipelineConfig, known_keys, load_config
from flowers_tfx.errors import InputError

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert isinstance(load_config(path), PipelineConfig)


def test_overrides_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("name: mine\ntraining: {seed: 3, batch_size: 8}\n")
    config = load_config(path, ["training.seed=4"])
    assert (config.name, config.training.seed, config.training.batch_size, config.training.precision) == ("mine", 4, 8, "auto")


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("training.fine_tune_layers=all", "fine_tune_layers", -1),
        ("training.fine_tune_layers=7", "fine_tune_layers", 7),
        ("training.augment=flip,crop", "augment", ("flip", "crop")),
        ("training.augment=[color]", "augment", ("color",)),
        ("training.augment=none", "augment", ()),
        ("training.augment=true", "augment", ("flip", "crop", "color")),
        ("training.augment=false", "augment", ()),
        ("training.xla=false", "xla", "off"),
        ("training.xla=auto", "xla", "auto"),
        ("training.class_weights=true", "class_weights", True),
        ("training.learning_rate=1e-4", "learning_rate", 1e-4),
    ],
)
def test_values_as_people_type_them(override: str, key: str, value: object) -> None:
    assert getattr(load_config(None, [override]).training, key) == value


@pytest.mark.parametrize(("text", "value"), [("1", "1"), ("2026-01-01", "2026-01-01"), ("true", "true"), ("~", "~"), ("a b", "a b")])
def test_strings_stay_as_typed(text: str, value: str) -> None:
    assert load_config(None, [f"ingest.split_salt={text}"]).ingest.split_salt == value


@pytest.mark.parametrize(("text", "value"), [("all", "all"), ("3", 3)])
def test_span_window(text: str, value: object) -> None:
    assert load_config(None, [f"span_window={text}"]).span_window == value


@pytest.mark.parametrize("name", ["mobilenet_v2", "MobileNetV2", "mobilenetv2"])
def test_backbones_by_any_spelling(name: str) -> None:
    assert load_config(None, [f"model.backbone={name}"]).model.backbone == "MobileNetV2"


@pytest.mark.parametrize(
    ("override", "near"),
    [("training.sed=1", "training.seed"), ("trainin.seed=1", "training.seed"), ("regstry=x", "registry"), ("modle.alpha=1", "model.alpha")],
)
def test_unknown_keys_are_refused_with_the_nearest_known_one(override: str, near: str) -> None:
    with pytest.raises(InputError) as caught:
        load_config(None, [override])
    assert override.split("=", maxsplit=1)[0] in caught.value.message
    assert near in caught.value.hint


@pytest.mark.parametrize(
    "override",
    [
        "model.alpha=x",
        "model.alpha=.nan",
        "span_window=0",
        "model.backbone=resnet",
        "training.augment=flup",
        "training.batch_size=0",
        "evaluation.min_accuracy=2",
        "name=Has Spaces",
        "model=3",
        "data_root.x=3",
        "nothing",
        "beam.engine=flonk",
    ],
)
def test_wrong_values_are_refused(override: str) -> None:
    with pytest.raises(InputError):
        load_config(None, [override])


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00"])
def test_files_that_hold_no_settings_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"c\.yaml"):
        load_config(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


def test_every_key_of_the_contract_is_there_and_described() -> None:
    keys = {key: description for key, _, description in known_keys()}
    contract = """name data_root pipeline_root metadata registry labels span_window
        model.backbone model.alpha model.image_size model.weights
        training.head_epochs training.fine_tune_layers training.fine_tune_epochs training.batch_size training.learning_rate
        training.seed training.class_weights training.augment training.precision training.xla
        evaluation.min_accuracy evaluation.max_drop beam.engine beam.workers beam.options
        ingest.csv ingest.labels ingest.split_salt"""
    assert set(contract.split()) <= set(keys)
    assert all(keys.values())


def test_the_reference_in_the_docs_is_the_generated_one() -> None:
    assert (CONFIGS.parent / "docs" / "configuration.md").read_text() == reference()
