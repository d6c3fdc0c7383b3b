"""A training that starts from the weights of a model that was exported before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tfx.types import standard_artifacts
from tfx.types.standard_component_specs import BASE_MODEL_KEY, CUSTOM_CONFIG_KEY

from flowers_tfx.components.trainer import run_fn_inputs
from flowers_tfx.config import ModelConfig, TrainingConfig
from flowers_tfx.errors import InputError
from flowers_tfx.model.network import Network, build
from flowers_tfx.model.signatures import export
from flowers_tfx.model.starting_model import StartingModel, load_weights, read_starting_model
from flowers_tfx.model.training import TrainResult, train
from flowers_tfx.registry import write_no_baseline_reason
from tests.e2e.test_training import CLASSES, HEAD_ONLY, QUICK, SCRATCH, SIZE, changed, pretrained, run, same_weights, split

__all__ = ["pretrained"]  # a fixture
pytestmark = pytest.mark.slow

ORIGIN = {"version": "7", "digest": "d"}


STILL = {"learning_rate": 1e-12, "head_learning_rate": 1e-12, "head_epochs": 2, "fine_tune_epochs": 1}
ONE_EPOCH = changed(QUICK, fine_tune_epochs=1)


def weights_of(network: Network) -> StartingModel:
    """What is read from the model that Trainer exports: the first test compares them."""
    return StartingModel(ORIGIN, [*network.backbone.get_weights(), *network.head.get_weights()], 3)


def warm(network: ModelConfig, settings: TrainingConfig, start: StartingModel, log_dir: Path) -> TrainResult:
    return train(network, CLASSES, settings, split(48), split(24, seed=1), log_dir, start)


def test_the_head_goes_on_where_it_was(pretrained: ModelConfig, tmp_path: Path) -> None:
    first = run(pretrained, HEAD_ONLY, tmp_path / "first")
    export(first.network, SIZE, ("daisy", "roses", "tulips"), {"epochs": 3}, str(tmp_path / "model"))
    start = read_starting_model(tmp_path / "model", ORIGIN)
    assert all(np.array_equal(one, other) for one, other in zip(start.weights, weights_of(first.network).weights, strict=True))
    assert (start.origin, start.head_epochs) == (ORIGIN, 3)
    network = build(pretrained, CLASSES, seed=5)
    assert not same_weights(network.full, first.model)
    assert load_weights(network, start) is False, "the backbone is the pretrained one"
    assert same_weights(network.full, first.model)
    second = warm(pretrained, changed(HEAD_ONLY, **STILL), start, tmp_path / "second")
    np.testing.assert_allclose(second.model.get_weights()[-2], first.model.get_weights()[-2], atol=1e-6)
    assert second.eval_metrics["loss"] == pytest.approx(first.eval_metrics["loss"], abs=1e-5)
    assert first.head_epochs == 3
    assert second.head_epochs in (4, 5)
    assert (second.backbone_trained, second.start) == (False, start)
    (tmp_path / "model" / "variables" / "variables.index").unlink()
    with pytest.raises(InputError, match="cannot start from version 7"):
        read_starting_model(tmp_path / "model", ORIGIN)


def test_a_backbone_that_was_trained_stays_trained(pretrained: ModelConfig, tmp_path: Path) -> None:
    """Its features are computed anew, not taken from the cache of the pretrained ones, and it knows its training photos."""
    start = weights_of(run(SCRATCH, ONE_EPOCH, tmp_path / "first").network)
    assert load_weights(build(pretrained, CLASSES), start) is True
    second = warm(pretrained, HEAD_ONLY, start, tmp_path / "second")
    assert (second.chosen_stage, second.backbone_trained) == ("head", True)
    np.testing.assert_array_equal(second.network.backbone.get_weights()[0], start.weights[0])
    assert second.eval_metrics["loss"] == pytest.approx(_loss(second), rel=1e-4)


def _loss(result: TrainResult) -> float:
    """On `eval`, by the network itself."""
    pictures, labels = zip(*split(24, seed=1).read().as_numpy_iterator(), strict=True)
    logits = np.asarray(result.model(np.stack(pictures), training=False), np.float64)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    smooth = HEAD_ONLY.label_smoothing
    targets = np.eye(CLASSES)[list(labels)] * (1 - smooth) + smooth / CLASSES
    return float(-(targets * logs).sum(axis=1).mean())


def test_without_pretrained_weights_the_whole_network_goes_on(tmp_path: Path) -> None:
    first = run(SCRATCH, ONE_EPOCH, tmp_path / "first")
    second = warm(SCRATCH, changed(ONE_EPOCH, seed=9, **STILL), weights_of(first.network), tmp_path / "second")
    assert (first.chosen_stage, second.chosen_stage) == ("from_scratch", "fine_tune")
    for one, other in zip(first.model.trainable_weights, second.model.trainable_weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6)


def test_weights_of_another_network_are_refused() -> None:
    start = weights_of(build(SCRATCH, CLASSES))
    for other in (build(changed(SCRATCH, alpha=0.5), CLASSES), build(SCRATCH, CLASSES + 1)):
        with pytest.raises(InputError, match=r"Version 7 .* of another network"):
            load_weights(other, start)


def test_the_executor_names_the_origin_or_leaves_the_model_out(tmp_path: Path) -> None:
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "model")
    for name, value in ORIGIN.items():
        model.set_string_custom_property(name, value)
    properties = {CUSTOM_CONFIG_KEY: json.dumps({"settings": "s"})}
    inputs, named = run_fn_inputs({BASE_MODEL_KEY: [model]}, properties)
    assert inputs == {BASE_MODEL_KEY: [model]}
    assert json.loads(named[CUSTOM_CONFIG_KEY]) == {"settings": "s", "start": ORIGIN}
    write_no_baseline_reason(tmp_path / "model", "the registry holds no model")
    assert run_fn_inputs({BASE_MODEL_KEY: [model]}, properties) == ({}, properties)
    assert run_fn_inputs({}, properties) == ({}, properties)
