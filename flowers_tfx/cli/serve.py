"""`flowers serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, json_wanted, print_json, setting_option, with_config
from flowers_tfx.cli.root import flowers

if TYPE_CHECKING:
    from flowers_tfx.config import PipelineConfig


@flowers.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0: every network of this machine.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8501, show_default=True, help="0 takes a free one.")
@click.option("--grpc-port", type=click.IntRange(0, 65_535), help="Port of the Open Inference Protocol over gRPC; default: none.")
@setting_option("--workers", "serving.workers", metavar="N", help="Processes that answer; the key serving.workers.")
@click.option("--version", type=click.IntRange(1), help="Serves this version, whatever is pushed or pinned.")
@click.option(
    "--token-file", type=click.Path(path_type=Path), help="File with a token that requests must bring; default: everybody may ask."
)
@with_config
def serve(
    config: PipelineConfig, host: str, port: int, grpc_port: int | None, version: int | None, token_file: Path | None
) -> CommandResult:
    """Answers photos over HTTP with the pushed model: a web page, TensorFlow Serving's REST, the Open Inference Protocol."""
    from flowers_tfx.serving.app import ServingSettings
    from flowers_tfx.serving.server import serve as run_server
    from flowers_tfx.serving.token import read_token

    as_json = json_wanted()

    def ready(url: str, serving: str) -> None:
        if as_json:
            print_json({"url": url, "version": serving, "pid": os.getpid()})
        else:
            click.echo(f"serving {serving} on {url}")

    token = read_token(token_file) if token_file else ""
    run_server(ServingSettings(config, host, config.serving.workers, version, token, grpc_port or 0), port, ready)
    return CommandResult(None, notes=["Stopped: open requests were answered."], printed=True)
