"""Trainer's `run_fn`, from transformed Examples to the files of a model; and the pictures that the int8 conversion is shown."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from flowers_tfx.artifact_files import LITERT_FILE, LITERT_INT8_FILE, LITERT_RECORD_FILE, TRAINING_FILE, UNKNOWN_FILE
from flowers_tfx.config import ExportConfig, ModelConfig, TrainingConfig
from flowers_tfx.config.unknown import UnknownConfig
from flowers_tfx.model.preprocessing import LABEL_ID, PICTURE
from flowers_tfx.model.representative_pictures import NUMBER, representative_pictures, spread_over_classes
from flowers_tfx.model.splits import SplitSource
from flowers_tfx.model.trainer import run_fn
from flowers_tfx.model_folder import load_litert

SIZE = 32
LABELS = ["daisy", "roses", "tulips"]


def write_split(path: Path, number: int) -> None:
    """Transformed Examples: noise around a level that depends on the class."""
    random = np.random.default_rng(number)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for at in range(number):
            label = at % len(LABELS)
            picture = np.clip(random.normal(60 + 60 * label, 30, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
            feature = {
                PICTURE: tf.train.Feature(bytes_list=tf.train.BytesList(value=[tf.io.serialize_tensor(picture).numpy()])),
                LABEL_ID: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


@pytest.mark.parametrize("int8", [False, True])
def test_it_writes_the_forms_of_the_model_that_the_settings_ask_for(int8: bool, tmp_path: Path) -> None:
    for name, number in (("train", 12), ("eval", 6)):
        write_split(tmp_path / f"{name}.gz", number)
    settings = {
        "labels": LABELS,
        "model": ModelConfig(backbone="MobileNet", alpha=0.25, image_size=SIZE, weights="none").model_dump(),
        "training": TrainingConfig(fine_tune_epochs=1, batch_size=4, augment=()).model_dump(mode="json"),
        "export": ExportConfig(int8=int8).model_dump(),
        "unknown": UnknownConfig().model_dump(),
    }
    folder = tmp_path / "model"
    arguments = SimpleNamespace(
        custom_config={"settings": json.dumps(settings)},
        train_files=[str(tmp_path / "train.g*")],
        eval_files=[str(tmp_path / "eval.g*")],
        model_run_dir=str(tmp_path / "logs"),
        serving_model_dir=str(folder),
        base_model=None,
        hyperparameters=None,
    )
    run_fn(arguments)
    assert json.loads((folder / TRAINING_FILE).read_text())["export"] == {"int8": int8}
    record = json.loads((folder / LITERT_RECORD_FILE).read_text())
    names = {LITERT_FILE, LITERT_INT8_FILE} if int8 else {LITERT_FILE}
    assert set(record["litert"]) == names
    assert {f"assets.extra/{path.name}" for path in (folder / "assets.extra").glob("*.tflite")} == names
    pictures = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    for name in names:
        answers = load_litert(folder, name).run_batch(pictures)
        assert {key: (value.shape, value.dtype) for key, value in answers.items()} == {
            "probabilities": ((3, len(LABELS)), np.float32),
            "features": ((3, 256), np.float32),
            **(dict.fromkeys(("far", "unsure", "score"), ((3, 1), np.float32)) if name == LITERT_FILE else {}),
        }
        np.testing.assert_allclose(answers["probabilities"].sum(axis=1), 1, atol=0.02)
    unknown = json.loads((folder / UNKNOWN_FILE).read_text())
    # A network that was trained as a whole knows its training photos: the six of `eval` decide, and that is little.
    assert unknown["limits_from"] == {"split": "eval", "photos": 6, "cross_fitted": False}
    assert unknown["interval"][1] - unknown["interval"][0] > 0.3
    if int8:
        assert (folder / LITERT_INT8_FILE).stat().st_size < 0.5 * (folder / LITERT_FILE).stat().st_size


def test_classes_take_turns_until_the_small_ones_are_used_up() -> None:
    labels = np.array([0] * 50 + [1] * 4 + [2] * 30, np.int64)
    chosen = sorted(spread_over_classes(labels, 20, seed=3))
    assert np.bincount(labels[chosen]).tolist() == [8, 4, 8]
    assert sorted(spread_over_classes(labels, 20, seed=3)) == chosen
    assert sorted(spread_over_classes(labels, 20, seed=4)) != chosen
    assert spread_over_classes(labels, 1000, seed=3) == set(range(84))


def test_representative_pictures_are_those_of_the_split() -> None:
    pictures = np.arange(NUMBER + 50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    labels = np.arange(len(pictures), dtype=np.int64) % 5
    split = SplitSource(len(pictures), lambda: tf.data.Dataset.from_tensor_slices((pictures, labels)))
    chosen = representative_pictures(split, 0)
    assert chosen.shape == (NUMBER, 2, 2, 3)
    assert np.bincount(labels[np.unique(chosen[:, 0, 0, 0])]).tolist() == [NUMBER // 5] * 5
