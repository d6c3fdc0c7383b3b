"""The commands that people paste, from the README and from the demo: each is one that the program has, with options that it has."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from flowers_tfx.cli.program import flowers

ROOT = Path(__file__).parents[2]
_README = (ROOT / "README.md").read_text(encoding="utf-8")
_DEMO = (ROOT / "scripts" / "demo.sh").read_text(encoding="utf-8")


def _readme_commands() -> list[str]:
    code = "\n".join(re.findall(r"^```\n(.*?)^```", _README, re.DOTALL | re.MULTILINE)).replace("\\\n", " ")
    return [line.removeprefix(".venv/bin/flowers ") for line in code.splitlines() if line.startswith(".venv/bin/flowers ")]


def _demo_commands() -> list[str]:
    steps = re.findall(r"(?:^|\|\| )\s*step (.+)$", _DEMO, re.MULTILINE)
    return [step.replace(' "$@" || code=$?', "") for step in steps]


def parse(arguments: list[str]) -> None:
    """Raises click.UsageError for a command or an option that does not exist, or an argument that is missing."""
    command: click.Command = flowers
    context = command.make_context("flowers", list(arguments))
    while isinstance(command, click.Group) and context._protected_args:
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command = found
        context = command.make_context(name or "", rest, parent=context)


def test_there_are_commands_to_look_at() -> None:
    assert len(_readme_commands()) >= 15
    assert len(_demo_commands()) >= 10


@pytest.mark.parametrize("line", [*_readme_commands(), *_demo_commands()])
def test_each_shown_command_parses(line: str) -> None:
    parse(shlex.split(line, comments=True))


@pytest.mark.parametrize("line", ["ingest --replace-all 2", "review settle 2", "dataset sample"])
def test_a_command_that_does_not_exist_is_seen(line: str) -> None:
    with pytest.raises(click.ClickException):
        parse(line.split())


def test_the_demo_is_a_script_and_links_of_the_readme_lead_to_files() -> None:
    subprocess.run(["bash", "-n", ROOT / "scripts" / "demo.sh"], check=True)
    links = [link for link in re.findall(r"\]\(([^)#]+)", _README) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []
