"""`flowers dataset`: photos to work with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig

_MOST_REASONS = 20
_MOST_LEFT_OUT = 20


@flowers.group()
def dataset() -> None:
    """Photos to work with: draw, download, list, measure and audit them."""


@dataset.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--per-class", default=100, show_default=True, type=click.IntRange(1, 100_000), help="Pictures of each class.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1))
@click.option("--planted", is_flag=True, help="With drift for the data review: darker, smaller, tulips among the roses, copies.")
def sample(out: Path, per_class: int, seed: int, planted: bool) -> CommandResult:
    """Draws pictures of the five classes into OUT, one folder per class. The same seed draws the same pictures."""
    from flowers_tfx.samples.draw import draw_samples

    with progress_bar("Drawing") as progress:
        classes = draw_samples(out, per_class, seed, progress, planted=planted)
    photos = sum(classes.values())
    return CommandResult({"folder": str(out), "photos": photos, "classes": classes}, [f"{photos} pictures are in {out}"])


@dataset.command()
@click.argument("out", type=click.Path(path_type=Path))
def download(out: Path) -> CommandResult:
    """Downloads TensorFlow's flower_photos (218 MB, 3,670 photos, CC-BY) into OUT. An interrupted download is resumed."""
    from flowers_tfx.samples.download import download_flower_photos

    with progress_bar("Downloading") as progress:
        folder = download_flower_photos(out, progress)
    return CommandResult({"folder": str(folder)}, [f"The photos are in {folder}"])


@dataset.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for all_data.csv and dict.txt; default: DIR.")
def index(folder: Path, out: Path | None) -> CommandResult:
    """Lists the files of DIR, which has one folder per class, in all_data.csv (uri,label), and its classes in dict.txt."""
    from flowers_tfx.data.index import index_folder

    listing = index_folder(folder, out)
    more = len(listing.left_out) - _MOST_LEFT_OUT
    warnings = [*map(str, listing.left_out[:_MOST_LEFT_OUT]), *([f"left out: {more} more"] if more > 0 else [])]
    hidden = f", {listing.hidden} hidden files and folders passed over" if listing.hidden else ""
    return CommandResult(
        {
            "csv": str(listing.csv),
            "labels": str(listing.labels),
            "photos": listing.photos,
            "classes": listing.classes,
            "hidden": listing.hidden,
            "left_out": len(listing.left_out),
        },
        [f"{listing.photos} files of {len(listing.classes)} classes{hidden}: {listing.csv}, {listing.labels}"],
        warnings=warnings,
    )


@dataset.command()
@click.argument("csv")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The parquet file to write.")
@click.option("--weights", help="Pretrained weights (.h5, or `imagenet`): adds embeddings, which describe what the photos show.")
@with_config
def measure(config: PipelineConfig, csv: str, out: Path, weights: str | None) -> CommandResult:
    """Measures the photos of a CSV (uri,label) into a table with one row per photo: every image property, and embeddings."""
    from flowers_tfx.review.csv_measurement import measure_photos

    with progress_bar("Measuring") as progress:
        value = measure_photos(config, csv, out, weights, progress)
    embeddings = f"embeddings of {value['embedding']}" if value["embedding"] else "no embeddings (--weights adds them)"
    return CommandResult(
        value,
        [f"{value['photos']} photos, {value['rejected']} rejected, {embeddings}: {value['table']}"],
        warnings=[f"rejected: {count} x {reason}" for reason, count in list(value["reasons"].items())[:_MOST_REASONS]],
    )


@dataset.command()
@click.argument("csv")
@click.option("--labels", help="File with one class per line: lines with other labels are rejected, as ingest does.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("audit"), show_default=True, help="Folder of the pages and the table.")
@click.option("--weights", help="Pretrained weights (.h5, or `imagenet`): compares the content, and looks for label errors.")
@click.option(
    "--against", type=click.Path(path_type=Path), help="Span folder or table to compare with; default: the registry's newest baseline."
)
@with_config
def audit(config: PipelineConfig, csv: str, labels: str | None, out: Path, weights: str | None, against: Path | None) -> CommandResult:
    """Reviews the photos of a CSV (uri,label) before ingest, and lists labels that are probably wrong."""
    from flowers_tfx.cli.review import review_lines
    from flowers_tfx.orchestration.settings import pipeline_schema, review_policy
    from flowers_tfx.review.audit import audit_csv, make_out_dir
    from flowers_tfx.review.baseline_sample import newest_baseline_sample
    from flowers_tfx.review.embeddings import load_embedder
    from flowers_tfx.review.sides import open_side

    make_out_dir(out)
    policy = review_policy(config, pipeline_schema(config).proto)
    baseline = open_side(against) if against else newest_baseline_sample(config.registry)
    with progress_bar("Measuring") as progress:
        embedder = load_embedder(config.model, weights) if weights else None
        result = audit_csv(csv, labels, out, baseline, policy, config.ingest.max_pixels, embedder, progress, config.review.language)
    value = result.as_json()
    suspects = result.no_suspects or f"{len(result.suspects)} labels to check"
    pages = [f"report: {value['reports']['review']}", f"labels: {suspects}: {value['reports']['suspects']}"]
    return CommandResult(
        value,
        [*review_lines(value["review"]), *pages],
        exit_code=ExitCode.BLOCKED if result.review.verdict == "blocked" else ExitCode.DONE,
    )
