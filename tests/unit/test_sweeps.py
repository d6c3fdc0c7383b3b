"""Sweeps: which runs they are, and that one which fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowers_tfx.cli.sweep import exit_code_of_sweep
from flowers_tfx.config import PipelineConfig, load_config, with_overrides
from flowers_tfx.errors import InputError
from flowers_tfx.experiments.sweeps import Outlook, SweptRun, combinations, run_sweep
from flowers_tfx.orchestration.run_report import RunReport

CONFIG = PipelineConfig()


def test_every_combination_is_a_run() -> None:
    chosen = combinations(CONFIG, ["model.alpha=0.35,0.5", "training.augment=none,[flip,crop],all"])
    assert [one.title for one in chosen] == [
        "model.alpha=0.35, training.augment=none",
        "model.alpha=0.35, training.augment=[flip,crop]",
        "model.alpha=0.35, training.augment=all",
        "model.alpha=0.5, training.augment=none",
        "model.alpha=0.5, training.augment=[flip,crop]",
        "model.alpha=0.5, training.augment=all",
    ]
    assert [(one.config.model.alpha, one.config.training.augment) for one in chosen[:2]] == [(0.35, ()), (0.35, ("flip", "crop"))]


def test_a_run_of_a_sweep_has_the_configuration_that_set_gives() -> None:
    (one,) = combinations(CONFIG, ["model.backbone=MobileNet"])
    assert one.config == load_config(None, ["model.backbone=MobileNet"])
    given = load_config(None, ["review.features={mean_luma: [1, 2]}", "labels=a,b", "training.xla=off", "span_window=3"])
    assert with_overrides(given, []) == given
    # The width is the backbone's own, also where the configuration names another backbone.
    (other,) = combinations(one.config, ["model.backbone=EfficientNetV2B0"])
    assert (one.config.model.alpha, other.config.model.alpha) == (0.25, 1.0)


@pytest.mark.parametrize(
    ("sweeps", "words"),
    [
        (["model.alpha"], "not a key with values"),
        (["model.alpha="], "not a key with values"),
        (["model.alpha=0.35,,0.5"], "not a key with values"),
        (["model.alpha=0.35,0.35"], "a value twice"),
        (["model.alpha=0.35", "model.alpha=0.5"], "a key twice"),
        (["model.alfa=1"], "model.alpha"),
        (["model.alpha=0.35,7"], "model.alpha=7"),
        (["registry=a,b"], "share their places"),
        (["training.seed=" + ",".join(map(str, range(101)))], "101 runs"),
        (["model.image_size=32,96", "model.backbone=MobileNetV2,resnet"], "resnet"),
    ],
)
def test_a_sweep_that_cannot_run_is_refused_before_anything_runs(sweeps: list[str], words: str) -> None:
    with pytest.raises(InputError) as raised:
        combinations(CONFIG, sweeps)
    assert words in f"{raised.value.message} {raised.value.hint}"


def report(status: str, bad_input: bool = False) -> RunReport:
    return RunReport(status, "r", {}, bad_input=bad_input)


def swept(run: Callable[[PipelineConfig], RunReport]) -> tuple[list[SweptRun], list[Outlook]]:
    outlooks: list[Outlook] = []
    results = list(run_sweep(combinations(CONFIG, ["training.seed=1,2,3"]), run, outlooks.append))
    return results, outlooks


def test_a_run_that_cannot_start_does_not_stop_the_others() -> None:
    def run(config: PipelineConfig) -> RunReport:
        if config.training.seed == 2:
            raise InputError("why", "how")
        return report("succeeded" if config.training.seed == 1 else "blocked")

    results, outlooks = swept(run)
    assert [result.status for result in results] == ["succeeded", "failed", "blocked"]
    assert (results[1].error, results[1].hint, results[1].report) == ("why", "how", None)
    assert [(one.number, one.total) for one in outlooks] == [(1, 3), (2, 3), (3, 3)]
    assert outlooks[0].seconds_left is None
    assert outlooks[2].seconds_left is not None


def test_an_interrupt_ends_the_sweep() -> None:
    def run(config: PipelineConfig) -> RunReport:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        swept(run)


@pytest.mark.parametrize(
    ("reports", "code"),
    [
        ([report("succeeded"), report("succeeded")], 0),
        ([report("succeeded"), report("blocked")], 3),
        ([report("blocked"), report("failed")], 1),
        ([report("failed", bad_input=True), report("failed", bad_input=True)], 2),
        ([report("failed", bad_input=True), report("succeeded")], 1),
        ([None, None], 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst_run(reports: list[RunReport | None], code: int) -> None:
    (combination,) = combinations(CONFIG, ["training.seed=1"])
    assert exit_code_of_sweep([SweptRun(combination, one) for one in reports]) == code
