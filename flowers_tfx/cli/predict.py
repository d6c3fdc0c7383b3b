"""`flowers predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowers_tfx.cli.command import CommandResult, with_config
from flowers_tfx.cli.progress_bar import progress_bar
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import ExitCode

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig
    from flowers_tfx.inference.engines import EngineName


@flowers.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE|DIR...", type=click.Path(path_type=Path))
@click.option(
    "--model", help="A version's folder or number, or a registry; default: the configured registry, of which the serving version answers."
)
@click.option(
    "--engine",
    type=click.Choice(["litert", "savedmodel"]),
    default="litert",
    show_default=True,
    help="What answers: the LiteRT model, or the SavedModel through TensorFlow, which starts slowly.",
)
@with_config
def predict(config: PipelineConfig, images: tuple[Path, ...], model: str | None, engine: EngineName) -> CommandResult:
    """Classifies photos with the serving model: the pinned version, else the newest."""
    from flowers_tfx.inference.prediction import predict_photos

    with progress_bar("Predicting") as progress:
        predictions = predict_photos(config, images, model, engine, progress)
    rows, unreadable = predictions.rows, predictions.unreadable
    summary = f"{len(rows)} files, {unreadable} unreadable, model version {predictions.version}: {predictions.model}"
    return CommandResult(
        list(rows),
        [_line(row) for row in rows if "error" not in row],
        notes=[*(f"{row['file']}: {row['error']}" for row in rows if "error" in row), summary],
        exit_code=ExitCode.BAD_INPUT if unreadable == len(rows) else ExitCode.DONE,
    )


# What a line says of a photo that is not known, by `why`.
_UNKNOWN = {
    "far": "not a flower that the model knows, it is unlike all training photos",
    "unsure": "not a flower that the model knows, it is unsure between its classes",
}


def _line(row: dict[str, Any]) -> str:
    first, *others = (f"{label} {p:.1%}" for label, p in sorted(row["probabilities"].items(), key=lambda item: -item[1])[:3])
    if row["known"]:
        return f"{row['file']}: {first} ({', '.join(others)})"
    return f"{row['file']}: {_UNKNOWN[row['why']]} (nearest: {', '.join([first, *others])})"
