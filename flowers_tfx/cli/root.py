"""The group `flowers`, which the files of commands add to."""

from __future__ import annotations

import click

from flowers_tfx import __version__
from flowers_tfx.cli.command import CommandGroup


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def flowers() -> None:
    """An image-classification pipeline on TFX, from photos to a served model."""
