"""`flowers review`: the newest review, comparisons outside a pipeline, and decisions on spans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.decision_result import accept_findings, record_decision
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig

_VERDICTS = {"pass": "PASS", "warn": "WARN", "blocked": "BLOCKED"}


@flowers.group(invoke_without_command=True)
@click.option("--span", type=click.IntRange(1), help="The newest review in which this span was new; default: the newest of all.")
@click.option("--open", "open_page", is_flag=True, help="Opens the report in a browser.")
@with_config
def review(config: PipelineConfig, span: int | None, open_page: bool) -> CommandResult:
    """Shows the newest data review; compares tables and spans; accepts findings, rejects spans."""
    from flowers_tfx.review.stored_reviews import local_page, require_review, review_roots

    stored = require_review(*review_roots(config.pipeline_root, config.data_root), span=span)
    if open_page:
        click.launch(str(local_page(stored)))
    return CommandResult({**stored.review, "report": str(stored.html)}, [*review_lines(stored.review), f"report: {stored.html}"])


@review.command()
@click.argument("old", metavar="A", type=click.Path(path_type=Path))
@click.argument("new", metavar="B", type=click.Path(path_type=Path))
@click.option("--html", type=click.Path(path_type=Path), help="Writes the report to this file.")
@click.option("--weights", help="Pretrained weights, for the embeddings of span folders; tables have their own.")
@click.option("--unlabelled", is_flag=True, help="The photos of B are not expected to have labels.")
@click.option("--model", help="A version's folder or number, or a registry: the review says what the photos of B cost this model.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1))
@with_config
def compare(
    config: PipelineConfig, old: Path, new: Path, html: Path | None, weights: str | None, unlabelled: bool, model: str | None, seed: int
) -> CommandResult:
    """Compares B with A, each a span folder or a table of `dataset measure`. Exit code 0: pass or warn, 3: blocked."""
    from flowers_tfx import storage
    from flowers_tfx.orchestration.settings import pipeline_schema, review_policy
    from flowers_tfx.review.comparison import compare_sides
    from flowers_tfx.review.embeddings import embed_spans, load_embedder
    from flowers_tfx.review.pages import comparison_page, write_page
    from flowers_tfx.review.serving_model import chosen_model
    from flowers_tfx.review.sides import open_side

    policy = review_policy(config, pipeline_schema(config).proto)
    sides = (open_side(old), replace(open_side(new), labelled=not unlabelled))
    if html is not None:
        storage.check_target(html, "--html")
    with progress_bar("Comparing") as progress, chosen_model(config.registry, model) as serving:
        embedder = None if weights is None else load_embedder(config.model, weights)
        baseline, fresh = embed_spans(sides, embedder, policy.sample, progress, seed)
        comparison = compare_sides(baseline, fresh, policy, seed=seed, model=serving)
        if html is not None:
            write_page(html, comparison_page(comparison, config.review.language), "--html")
    value = comparison.review.as_json()
    lines = [*review_lines(value), *([f"report: {html}"] if html else [])]
    return CommandResult(value, lines, exit_code=ExitCode.BLOCKED if comparison.review.verdict == "blocked" else ExitCode.DONE)


@review.command()
@click.argument("span", type=click.IntRange(1))
@click.argument("more", nargs=-1, metavar="[ID]...")
@click.option("--finding", "findings", multiple=True, metavar="ID...", help="Findings to accept; can be repeated.")
@click.option("--all-findings", is_flag=True, help="Accepts every error of the newest review of SPAN.")
@click.option("--reason", required=True)
@click.option("--by", required=True, metavar="NAME")
@with_config
def accept(
    config: PipelineConfig, span: int, more: tuple[str, ...], findings: tuple[str, ...], all_findings: bool, reason: str, by: str
) -> CommandResult:
    """Lets SPAN pass in spite of these findings. The decision is recorded in the data root."""
    if bool(findings) == all_findings or (more and all_findings):
        raise click.UsageError("Give either --finding ID or --all-findings.", click.get_current_context())
    return accept_findings(config, span, None if all_findings else (*findings, *more), reason, by)


@review.command()
@click.argument("span", type=click.IntRange(1))
@click.option("--reason", required=True)
@click.option("--by", required=True, metavar="NAME")
@with_config
def reject(config: PipelineConfig, span: int, reason: str, by: str) -> CommandResult:
    """Removes SPAN from every window. The decision is recorded in the data root."""
    return record_decision(config, "reject", span, (), reason, by)


def review_lines(review: Mapping[str, Any]) -> list[str]:
    """The verdict, then one line per finding."""
    from flowers_tfx.reports.words import clean

    baseline, new = review["compared_with"], review["new"]
    names = {
        "serving": f"the data of the serving model, version {baseline.get('version')}",
        "span": baseline.get("name") or "the span before",
    }
    against = f"against {baseline['photos']} of {names[baseline['kind']]}" if baseline["kind"] in names else "with nothing to compare with"
    lines = [f"{_VERDICTS[review['verdict']]}: {new['photos']} photos {against}"]
    for finding in review["findings"]:
        accepted = " (accepted)" if finding.get("accepted") else ""
        lines.append(f"  {finding['level']:5} {clean(finding['id'])}{accepted}: {clean(finding['message'], 1000)}")
    return lines
