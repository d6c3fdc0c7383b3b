"""Explainer comes after everything that publishes: where it fails the model serves, and the next run makes the page. In this order."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx import registry
from tests.conftest import ROOT
from tests.e2e.conftest import Workshop, states

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PHOTOS = 2  # of each class
ON = f"explain.photos={PHOTOS}"

# The program with an analysis that raises.
FAILING = """
import sys
from flowers_tfx.components import explainer
def fail(*_):
    raise ArithmeticError("no evidence\\nat all")
explainer.explain_model = fail
from flowers_tfx.cli import main
main(sys.argv[1:])
"""
# The program that kills itself in the middle of copying a page into the registry.
KILLED = """
import os, shutil, signal, sys
from flowers_tfx.registry import publishing
class Dying:
    @staticmethod
    def copytree(source, target, dirs_exist_ok):
        shutil.copy(source / "report.html", target)
        os.kill(os.getpid(), signal.SIGKILL)
publishing.shutil = Dying
from flowers_tfx.cli import main
main(sys.argv[1:])
"""


def run_program(workshop: Workshop, program: str) -> subprocess.CompletedProcess[str]:
    workshop.runs += 1
    words = ["run", "--config", str(workshop.config), "--set", ON, "--json"]
    return subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def version_folder(workshop: Workshop) -> Path:
    (version,) = workshop.versions()
    return workshop.registry / str(version)


def assert_published_and_whole(workshop: Workshop) -> None:
    root, version = str(workshop.registry), int(version_folder(workshop).name)
    assert registry.damage(root, registry.entry(root, version)) == ""
    assert registry.card_damage(root, registry.entry(root, version)) == ""
    assert registry.baseline_is_whole(root, version)


def links(page: Path) -> list[str]:
    found: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attributes: Any) -> None:
            found.extend(value for name, value in attributes if tag == "a" and name == "href")

    Links().feed(page.read_text(encoding="utf-8"))
    return found


def test_a_page_that_fails_leaves_the_model_published(workshop: Workshop) -> None:
    workshop.deliver(30)
    done = run_program(workshop, FAILING)
    assert done.returncode == 1, done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert (report["status"], report["blessed"], states(report)["Explainer"]) == ("failed", True, "failed")
    assert {state for node, state in states(report).items() if node != "Explainer"} == {"complete"}
    assert report["error"] == "The node Explainer failed: ArithmeticError: no evidence"
    version = version_folder(workshop)
    assert report["hint"] == f"Version {version.name} is published and serves all the same. Run again: only the page is made anew."
    assert "explanations" not in report["reports"]
    assert report["pushed_model"] == str(version)
    assert_published_and_whole(workshop)


@pytest.mark.one_stack
def test_a_page_that_is_killed_is_not_there(workshop: Workshop) -> None:
    done = run_program(workshop, KILLED)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert [path for path in workshop.registry.iterdir() if path.name.endswith(".tmp")], "the copy was not cut in the middle"
    assert registry.explanations_page(version_folder(workshop)) is None
    assert_published_and_whole(workshop)


def test_the_next_run_makes_the_page_alone(workshop: Workshop) -> None:
    report = workshop.run(ON)
    assert report["status"] == "succeeded"
    assert {node: state for node, state in states(report).items() if state != "cached"} == {"Explainer": "complete"}
    page = Path(report["reports"]["explanations"])
    version = version_folder(workshop)
    published = registry.explanations_page(version)
    assert published is not None
    assert page.read_bytes() == published.read_bytes()
    assert published.resolve() in [(version / "assets.extra" / link).resolve() for link in links(version / "assets.extra" / "card.html")]
    assert not [path for path in workshop.registry.iterdir() if path.name.endswith(".tmp")]
    assert_published_and_whole(workshop)
    shown = workshop.flowers("registry", "show", "--config", str(workshop.config), "--json")
    assert shown["files"]["explanations"] == str(published)


def test_the_figures_are_those_of_the_model_and_of_its_test_photos(workshop: Workshop) -> None:
    version = version_folder(workshop)
    values = json.loads((version / "assets.extra" / "explanations" / "explanations.json").read_text())
    card = json.loads((version / "assets.extra" / "card.json").read_text())
    assert values["format"] == 1
    assert values["model"]["version"] == int(version.name)
    assert values["labels"] == card["model"]["labels"]
    assert values["method"] == "rise"
    photos = values["photos"]
    assert len(photos) == card["metrics"]["accuracy"]["photos"]
    right = [photo for photo in photos if photo["label"] == photo["answer"]]
    assert len(right) / len(photos) == pytest.approx(card["metrics"]["accuracy"]["value"])
    assert {(photo["width"], photo["height"]) for photo in photos} == {(48, 40)}
    explained = [photos[one["photo"]] for one in values["explanations"]]
    counts = {label: sum(photo["label"] == label for photo in explained) for label in {photo["label"] for photo in photos}}
    assert set(counts.values()) == {PHOTOS}
    assert [one["label"] for one in values["explanations"]] == [photo["answer"] for photo in explained]
    assert set(values["seconds"]) >= {"photos", "answers", "explanations"}


def test_nothing_new_makes_no_page(workshop: Workshop) -> None:
    assert set(states(workshop.run(ON)).values()) == {"cached"}


@pytest.mark.one_stack
def test_a_page_that_is_gone_or_shows_something_else_is_made_anew(workshop: Workshop) -> None:
    """Alone, and beside the version as well: the page of an earlier run is not the one that was asked for last."""
    folder = version_folder(workshop) / "assets.extra" / "explanations"
    shutil.rmtree(folder)
    for photos in (1, PHOTOS):
        report = workshop.run(f"explain.photos={photos}")
        assert {node for node, state in states(report).items() if state != "cached"} == {"Explainer"}
        values = json.loads((folder / "explanations.json").read_text())
        assert len(values["explanations"]) == photos * 3
    assert_published_and_whole(workshop)
