"""The floors hold for all photos together, not for each slice: checked by TFMA itself, on made-up answers."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from tfx_bsl.public import tfxio

from flowers_tfx.model.evaluation_config import eval_config

LABELS = ["daisy", "roses"]


def example(label: int, predicted: int, light: str) -> bytes:
    probabilities = np.full(2, 0.1)
    probabilities[predicted] = 0.9

    def text(value: str) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    features = {
        "label_id": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        "probabilities": tf.train.Feature(float_list=tf.train.FloatList(value=probabilities)),
        "label": text(LABELS[label]),
        "light_band": text(light),
        "size_band": text("small"),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.mark.parametrize(("floor", "blessed"), [(0.75, True), (0.85, False)])
def test_a_weak_slice_does_not_decide(tmp_path: Path, floor: float, blessed: bool) -> None:
    """Eight of ten are right; of the two dark ones none is."""
    config = eval_config(LABELS, floor, 0.0)
    spec = config.model_specs[0]
    spec.ClearField("signature_name")
    spec.ClearField("preprocessing_function_names")
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=False, rubber_stamp=True)
    examples = [example(n % 2, n % 2, "bright") for n in range(8)] + [example(n % 2, 1 - n % 2, "dark") for n in range(2)]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | beam.Create(examples)
            | tfxio.TFExampleBeamRecord(
                physical_format="inmem", telemetry_descriptors=["test"], raw_record_column_name=tfma.ARROW_INPUT_COLUMN
            ).BeamSource()
            | tfma.ExtractEvaluateAndWriteResults(eval_config=config, output_path=str(tmp_path), eval_shared_model=None)
        )
    assert tfma.load_validation_result(str(tmp_path)).validation_ok is blessed
