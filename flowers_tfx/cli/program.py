"""The command `flowers`: parsing, and handing over to the packages that do the work. It imports them when a command runs, so that
`flowers --help` costs nothing."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from flowers_tfx import __version__
from flowers_tfx.cli.kubeflow import kubeflow
from flowers_tfx.cli.options import config_options as _config_options
from flowers_tfx.cli.options import json_option as _json_option
from flowers_tfx.cli.options import put as _put
from flowers_tfx.errors import EXIT_BAD_INPUT, EXIT_BLOCKED, EXIT_DONE, EXIT_FAILED, EngineFailed, InputError

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and exits: 0 done, 1 failed, 2 bad input or usage, 3 blocked by the data review. With --json an error is JSON too."""
    # Google's libraries tell every user of Python 3.10 of its end, several times a start.
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
    arguments = list(sys.argv[1:] if argv is None else argv)
    # TFX's Beam nodes hand whatever stands there to absl, whose -v takes the next word for its value.
    del sys.argv[1:]
    as_json = "--json" in arguments
    try:
        code = flowers.main(arguments, prog_name="flowers", standalone_mode=False)
    except InputError as error:
        code = _fail(error.message, error.hint, as_json, EXIT_BAD_INPUT)
    except EngineFailed as error:
        code = _fail(error.message, error.hint, as_json, EXIT_FAILED)
    except click.UsageError as error:
        usage = error.ctx.get_usage() if error.ctx else ""
        code = _fail(error.format_message(), f"{usage}  (--help tells more)".strip(), as_json, EXIT_BAD_INPUT)
    except click.ClickException as error:
        code = _fail(error.format_message(), "", as_json, EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        code = _fail("Interrupted.", "", as_json, _INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        code = EXIT_FAILED
    except Exception as error:
        if "-v" in arguments or "--verbose" in arguments:
            raise
        code = _fail(
            f"Unexpected {type(error).__name__}: {error}", "This is a bug: -v, where the command has it, shows where.", as_json, EXIT_FAILED
        )
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, hint: str, as_json: bool, code: int) -> int:
    if as_json:
        click.echo(json.dumps({"error": message, "hint": hint}))
    else:
        click.echo(f"Error: {message}", err=True)
        if hint:
            click.echo(hint, err=True)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def flowers() -> None:
    """An image-classification pipeline on TFX, from photos to a served model."""


flowers.add_command(kubeflow)


@flowers.group()
def dataset() -> None:
    """Photos to work with: draw them, download them, list them."""


@dataset.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--per-class", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Pictures of each class.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1))
@_json_option
def sample(out: Path, per_class: int, seed: int, as_json: bool) -> None:
    """Draws pictures of the five classes into OUT, a folder per class; the same seed draws the same pictures."""
    from flowers_tfx.samples.draw import draw_samples

    with _bar("Drawing") as progress:
        classes = draw_samples(out, per_class, seed, progress)
    _put(
        {"folder": str(out), "photos": sum(classes.values()), "classes": classes}, as_json, f"{sum(classes.values())} pictures lie in {out}"
    )


@dataset.command()
@click.argument("out", type=click.Path(path_type=Path))
@_json_option
def download(out: Path, as_json: bool) -> None:
    """Fetches TensorFlow's flower_photos (218 MB, 3,670 photos, CC-BY) into OUT; goes on where it was cut off."""
    from flowers_tfx.samples.download import download_flower_photos

    with _bar("Downloading") as progress:
        folder = download_flower_photos(out, progress)
    _put({"folder": str(folder)}, as_json, f"The photos lie in {folder}")


@dataset.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where all_data.csv and dict.txt go; default: DIR.")
@_json_option
def index(folder: Path, out: Path | None, as_json: bool) -> None:
    """Lists the files of DIR, a folder per class, in all_data.csv (uri,label) and its classes in dict.txt."""
    from flowers_tfx.data.index import index_folder

    found = index_folder(folder, out)
    for name in found.skipped:
        click.echo(f"left out, no file of this folder: {name}", err=True)
    value = {"csv": str(found.csv), "labels": str(found.labels), "photos": found.photos, "classes": found.classes}
    _put(value, as_json, f"{found.photos} files of {len(found.classes)} classes: {found.csv}, {found.labels}")


@dataset.command()
@click.argument("csv")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The parquet file to write.")
@click.option("--weights", help="Pretrained weights (.h5, or `imagenet`): adds embeddings, which tell what the photos show.")
@_config_options
@_json_option
def measure(csv: str, out: Path, weights: str | None, config_path: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Measures the photos of a CSV (uri,label) into a table, a row a photo: every image property, and embeddings."""
    from flowers_tfx.cli.measure import measure_photos
    from flowers_tfx.config import load_config

    with _bar("Measuring") as progress:
        value = measure_photos(load_config(config_path, overrides), csv, out, weights, progress)
    for reason, count in list(value["reasons"].items())[:20]:
        click.echo(f"rejected: {count} x {reason}", err=True)
    embeddings = f"embeddings of {value['embedding']}" if value["embedding"] else "no embeddings (--weights adds them)"
    _put(value, as_json, f"{value['photos']} photos, {value['rejected']} rejected, {embeddings}: {value['table']}")


@dataset.command()
@click.argument("csv")
@click.option("--labels", help="File with a class a line: lines with other labels are rejected, as ingest does.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("audit"), show_default=True, help="Folder of the pages and the table.")
@click.option("--weights", help="Pretrained weights (.h5, or `imagenet`): compares the content, and looks for label errors.")
@click.option(
    "--against", type=click.Path(path_type=Path), help="Span folder or table to compare with; default: the registry's newest baseline."
)
@_config_options
@_json_option
def audit(
    csv: str,
    labels: str | None,
    out: Path,
    weights: str | None,
    against: Path | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Reviews the photos of a CSV (uri,label) before they are taken in, and lists labels that are probably wrong."""
    from flowers_tfx.cli.audit import audit as audit_photos
    from flowers_tfx.cli.review_lines import review_lines
    from flowers_tfx.config import load_config

    with _bar("Measuring") as progress:
        found = audit_photos(load_config(config_path, overrides), csv, labels, out, weights, against, progress)
    value = found.as_json()
    said = found.no_suspects or f"{len(found.suspects)} labels to look at"
    pages = (f"report: {value['reports']['review']}", f"labels: {said}: {value['reports']['suspects']}")
    _put(value, as_json, *review_lines(value["review"]), *pages)
    return EXIT_BLOCKED if found.review.verdict == "blocked" else EXIT_DONE


@flowers.command()
@click.option("--csv", help="CSV of `uri,label` lines.")
@click.option("--labels", help="File with a class a line.")
@click.option("--data-root", help="Folder of the spans.")
@click.option("--span", type=click.IntRange(0, 10**9), help="Number of the span; default: the next one.")
@click.option("--engine", help="Beam's engine, as the key beam.engine: direct, direct-multi, portable, flink, spark or dataflow.")
@_config_options
@_json_option
def ingest(
    csv: str | None,
    labels: str | None,
    data_root: str | None,
    span: int | None,
    engine: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Takes the photos of a CSV into the data root as one span; photos that are there already are left out."""
    from flowers_tfx.cli.ingest import ingest_photos
    from flowers_tfx.config import load_config

    given = {"ingest.csv": csv, "ingest.labels": labels, "data_root": data_root, "beam.engine": engine}
    config = load_config(config_path, [*overrides, *(f"{key}={value}" for key, value in given.items() if value is not None)])
    with _bar("Taking in") as progress:
        result = ingest_photos(config, span, progress)
    for reject in result.rejects[:20]:
        click.echo(f"rejected: {reject.uri or f'line {reject.line}'}: {reject.reason}", err=True)
    if result.rejected > 20:
        click.echo(f"... and {result.rejected - 20} more", err=True)
    counts = f"{result.examples} new, {result.known} known, {result.duplicates} duplicates, {result.rejected} rejected"
    place = "nothing new, no span" if result.span is None else f"{result.data_root}/span-{result.span}"
    _put(result.as_json(), as_json, f"{counts}, in {result.seconds:.1f} s: {place}")


@flowers.command()
@click.option("--runner", type=click.Choice(["local", "beam"]), default="local", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Shows all logs instead of the progress display.")
@_config_options
@_json_option
def run(runner: str, verbose: bool, config_path: Path | None, overrides: tuple[str, ...], as_json: bool) -> int:
    """Runs the pipeline: takes in what is new, trains, evaluates, publishes."""
    from flowers_tfx.cli.run import run_pipeline
    from flowers_tfx.config import load_config

    return run_pipeline(load_config(config_path, overrides), runner, verbose, as_json)


@flowers.group(invoke_without_command=True)
@_config_options
@_json_option
@click.pass_context
def runs(context: click.Context, config_path: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Lists the runs that ML Metadata knows of, newest first."""
    if context.invoked_subcommand is None:
        from flowers_tfx.cli.runs import list_runs
        from flowers_tfx.config import load_config

        list_runs(load_config(config_path, overrides), as_json)


@runs.command()
@click.argument("run_id")
@_config_options
@_json_option
def show(run_id: str, config_path: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Shows a run's nodes with their states, times and artifacts; RUN_ID can be `latest`."""
    from flowers_tfx.cli.runs import show_run
    from flowers_tfx.config import load_config

    show_run(load_config(config_path, overrides), run_id, as_json)


@flowers.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE|DIR...", type=click.Path(path_type=Path))
@click.option("--model", help="A SavedModel or a registry; default: the newest pushed model.")
@_config_options
@_json_option
def predict(images: tuple[Path, ...], model: str | None, config_path: Path | None, overrides: tuple[str, ...], as_json: bool) -> int:
    """Asks the newest pushed model what is on each photo."""
    from flowers_tfx.cli.predict import predict_photos
    from flowers_tfx.config import load_config

    with _bar("Predicting") as progress:
        return predict_photos(load_config(config_path, overrides), images, model, as_json, progress)


@flowers.command()
@_config_options
@_json_option
def spans(config_path: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Lists the spans of the data root with counts, dates, verdicts and decisions."""
    from flowers_tfx.cli.review_lines import spans_table
    from flowers_tfx.config import load_config
    from flowers_tfx.review.span_verdicts import span_verdicts

    config = load_config(config_path, overrides)
    rows = span_verdicts(config.data_root, config.pipeline_root)
    if as_json:
        _put(rows, as_json)
    else:
        spans_table(rows)


@flowers.group(invoke_without_command=True)
@click.option("--span", type=click.IntRange(1), help="The newest review that this span was new in; default: the newest of all.")
@click.option("--open", "open_it", is_flag=True, help="Opens the report in a browser.")
@_config_options
@_json_option
@click.pass_context
def review(
    context: click.Context, span: int | None, open_it: bool, config_path: Path | None, overrides: tuple[str, ...], as_json: bool
) -> int | None:
    """Shows the newest data review; compares tables and spans; accepts findings, rejects spans."""
    if context.invoked_subcommand is not None:
        return None
    from flowers_tfx.cli.review_lines import review_lines
    from flowers_tfx.config import load_config
    from flowers_tfx.review.stored_reviews import local_page, require_review

    found = require_review(load_config(config_path, overrides).pipeline_root, span)
    if open_it:
        click.launch(str(local_page(found)))
    _put({**found.review, "report": str(found.html)}, as_json, *review_lines(found.review), f"report: {found.html}")
    return None


@review.command()
@click.argument("old", metavar="A", type=click.Path(path_type=Path))
@click.argument("new", metavar="B", type=click.Path(path_type=Path))
@click.option("--html", type=click.Path(path_type=Path), help="Writes the report there.")
@click.option("--weights", help="Pretrained weights, for the embeddings of span folders; tables bring theirs.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1))
@_config_options
@_json_option
def compare(
    old: Path,
    new: Path,
    html: Path | None,
    weights: str | None,
    seed: int,
    config_path: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compares B with A, each a span folder or a table of `dataset measure`. Exit code 0: pass or warn, 3: blocked."""
    from flowers_tfx.cli.review import compare_paths
    from flowers_tfx.cli.review_lines import review_lines
    from flowers_tfx.config import load_config

    with _bar("Embedding") as progress:
        found = compare_paths(load_config(config_path, overrides), old, new, weights, seed, html, progress)
    _put(found.as_json(), as_json, *review_lines(found.as_json()), *([f"report: {html}"] if html else []))
    return EXIT_BLOCKED if found.verdict == "blocked" else EXIT_DONE


@review.command()
@click.argument("span", type=click.IntRange(1))
@click.argument("more", nargs=-1, metavar="[ID]...")
@click.option("--finding", "findings", multiple=True, required=True, metavar="ID...", help="Findings to let pass; can be repeated.")
@click.option("--reason", required=True)
@click.option("--by", required=True, metavar="NAME")
@_config_options
@_json_option
def accept(
    span: int,
    more: tuple[str, ...],
    findings: tuple[str, ...],
    reason: str,
    by: str,
    config_path: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Lets SPAN pass in spite of these findings; the decision is recorded in the data root."""
    from flowers_tfx.cli.review import decide
    from flowers_tfx.config import load_config

    config = load_config(config_path, overrides)
    value = decide(config, "accept", span, (*findings, *more), reason, by)
    names = ", ".join(value["findings"])
    _put(value, as_json, f"Recorded in {config.data_root}/decisions.jsonl: span {span} passes with {names}. Run again to go on.")


@review.command()
@click.argument("span", type=click.IntRange(1))
@click.option("--reason", required=True)
@click.option("--by", required=True, metavar="NAME")
@_config_options
@_json_option
def reject(span: int, reason: str, by: str, config_path: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Takes SPAN out of every window; the decision is recorded in the data root."""
    from flowers_tfx.cli.review import decide
    from flowers_tfx.config import load_config

    config = load_config(config_path, overrides)
    value = decide(config, "reject", span, (), reason, by)
    _put(
        value,
        as_json,
        f"Recorded in {config.data_root}/decisions.jsonl: span {span} leaves every window. Run again to go on with the rest.",
    )


def _bar(what: str) -> Any:
    from flowers_tfx.cli.progress_bar import progress_bar

    return progress_bar(what)


logging.getLogger("flowers_tfx").addHandler(logging.NullHandler())
