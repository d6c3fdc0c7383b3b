"""A comparison in words, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator

from flowers_tfx.experiments.comparison import Comparison
from flowers_tfx.experiments.experiment import Experiment
from flowers_tfx.experiments.run_metrics import LATENCY, less_is_better
from flowers_tfx.reports.rendering import count


def sentences(comparison: Comparison) -> Iterator[str]:
    best = comparison.best
    if best is None:
        yield f"No run has the metric {comparison.metric}."
    elif len(comparison.experiments) > 1:
        word = "smallest" if less_is_better(comparison.metric) else "largest"
        yield f"Run {best.run_id} has the {word} {comparison.metric}, {metric_text(best, comparison.metric)}."
    yield from _pair_sentences(comparison)
    for run_id, reason in comparison.unasked.items():
        yield f"The model of run {run_id} was not asked: {reason}"
    for one in comparison.experiments:
        yield from (f"Run {one.run_id}: {what} is not there any more." for what in one.missing)
    if comparison.left_out:
        yield f"{count(comparison.left_out, 'older run')} left out: --last N shows more."


def _pair_sentences(comparison: Comparison) -> Iterator[str]:
    answers, pairs = comparison.answers, list(comparison.pairs.values())
    if answers is None or not pairs:
        return
    distinct = {pair.name: pair for pair in pairs}.values()
    decided = {word: sum(pair.verdict == word for pair in distinct) for word in ("better", "worse", "undecided")}
    yield (
        f"On the photos of test that both have: of {count(len(distinct), 'other model')}, {decided['better']} better than that of "
        f"{comparison.reference}, {decided['worse']} worse, {decided['undecided']} undecided "
        "(McNemar's exact test, 5 % for all of them, Holm)."
    )
    if answers.asked < answers.photos:
        yield f"{answers.asked:,} of the {count(answers.photos)} of test were asked, the same for every model."
    if answers.missing:
        yield f"The data root does not hold {count(len(answers.missing), 'span')} any more: those photos are left out."


def metric_text(one: Experiment, name: str) -> str:
    """The number, and its interval where it has one; shares in percent."""
    metric = one.metrics.get(name)
    if metric is None:
        return ""
    if metric.interval:
        low, high = metric.interval
        return f"{metric.value:.1%} ({low:.1%} to {high:.1%})"
    if name.endswith("_bytes"):
        return f"{metric.value / 1e6:.2f} MB"
    return f"{metric.value:.1f} ms" if name == LATENCY else f"{metric.value:.4g}"


def pair_text(comparison: Comparison, one: Experiment) -> str:
    """What the comparison on the same photos says of a run."""
    same = comparison.same_model.get(one.run_id)
    if one.run_id == comparison.reference:
        return "reference" if comparison.pairs else ""
    if same == comparison.reference:
        return "the same model as the reference"
    pair = comparison.pairs.get(one.run_id)
    if pair is None or pair.difference is None or pair.interval is None:
        return ""
    low, high = pair.interval
    numbers = f"{100 * pair.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}), p {pair.adjusted:.2g}"
    photos = f"{pair.gained} gained, {pair.lost} lost of {count(pair.photos)}"
    again = f"\nthe same model as {same}" if same else ""
    return f"{pair.verdict}: {numbers}\n{photos}{again}"
