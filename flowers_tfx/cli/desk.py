"""`flowers desk`."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowers_tfx.cli.command import CommandResult, json_wanted, print_json
from flowers_tfx.cli.root import flowers
from flowers_tfx.errors import InputError

if TYPE_CHECKING:
    from flowers_tfx.desk.access import Access


@flowers.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others than 127.0.0.1 need names of reviewers.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8502, show_default=True, help="0 takes a free one.")
@click.option(
    "--config",
    "config_paths",
    type=click.Path(path_type=Path),
    multiple=True,
    help="YAML file of a pipeline; can be repeated, for several.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Overrides a key of all configurations; can be repeated.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with a line for each reviewer: NAME TOKEN.")
@click.option("--proxy-header", metavar="NAME", help="Header in which a proxy that signs reviewers in names them.")
@click.option("--proxy-address", "proxies", multiple=True, metavar="ADDRESS", help="Address or network of that proxy; can be repeated.")
@click.option("--public-url", default="", metavar="URL", help="Address of the desk behind a proxy, such as https://desk.example.org.")
def desk(
    host: str,
    port: int,
    config_paths: tuple[Path, ...],
    overrides: tuple[str, ...],
    token_file: Path | None,
    proxy_header: str | None,
    proxies: tuple[str, ...],
    public_url: str,
) -> CommandResult:
    """A web page for reviewers: what waits for a decision, the reports, and the decisions."""
    from flowers_tfx.config import load_config
    from flowers_tfx.desk.server import serve_desk

    access = _access(host, token_file, proxy_header, proxies, public_url)
    configs = [load_config(path, overrides) for path in config_paths or (None,)]
    as_json = json_wanted()

    def ready(url: str) -> None:
        if as_json:
            print_json({"url": url, "pid": os.getpid()})
        else:
            click.echo(f"desk on {url}")

    serve_desk(configs, access, host, port, ready)
    return CommandResult(None, notes=["Stopped: open requests were answered."], printed=True)


def _access(host: str, token_file: Path | None, proxy_header: str | None, proxies: tuple[str, ...], public_url: str) -> Access:
    """Raises InputError for a desk that anybody could decide at."""
    from flowers_tfx.desk.access import Access, check_public_url
    from flowers_tfx.desk.reviewers import is_readable_by_all, proxy_names, read_reviewers

    if token_file and proxy_header:
        raise InputError("--token-file and --proxy-header are two ways to know reviewers.", "Give one of them.")
    if proxies and not proxy_header:
        raise InputError("--proxy-address needs --proxy-header.", "Name the header in which the proxy names reviewers.")
    if not token_file and not proxy_header and not _is_loopback(host):
        raise InputError(f"On {host} anybody could decide under any name.", "Give --token-file or --proxy-header, or listen on 127.0.0.1.")
    reviewers = read_reviewers(token_file) if token_file else None
    if token_file and is_readable_by_all(token_file):
        click.echo(f"Every user of this machine can read the tokens in {token_file}. Take the right from others: chmod o-r FILE.", err=True)
    return Access(reviewers, proxy_names(proxy_header, proxies) if proxy_header else None, check_public_url(public_url))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
