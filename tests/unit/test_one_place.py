"""One place for each thing: a test changes that place in a copy of the program, and looks whether the rest follows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowers_tfx.finding_kinds import KINDS
from tests.conftest import ROOT

COPIED = ("flowers_tfx", "runners", "pipeline_def.py", "schema", "setup.py")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the program that a test may change."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def insert(file: Path, before: str, text: str) -> None:
    """`text` in front of the first place where `before` stands."""
    source = file.read_text(encoding="utf-8")
    assert before in source
    file.write_text(source.replace(before, text + before, 1), encoding="utf-8")


def run_python(tree: Path, code: str) -> str:
    """What `code` prints when the program is the one in `tree`."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


WATERMARK = """KindSpec(
        "watermark", "Watermarks", "share of the photos with a watermark", "tested", (3.0, 30.0), json_key="mark", examples="pairs"
    ),
    """
USES_OF_A_KIND = """
import pandas as pd
from flowers_tfx.config import load_config
from flowers_tfx.errors import InputError
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.validation import Finding, Policy, Review
from flowers_tfx.validation.known_drift import TESTED_KINDS
from flowers_tfx.validation.review import Example

print(load_config(overrides=["review.levels={mark: [1, 2]}"]).review.levels)
print(Policy().limits("mark", ""), Policy().level("mark", "", 29), "mark" in TESTED_KINDS)
try:
    load_config(overrides=["review.levels={watermark: [1, 2]}"])
except InputError as error:
    print("mark" in error.message.split("known are")[1])
marks = Finding("mark:a", "warn", "mark", "a", "Marked.", effect=4.0, unit="points", examples=(Example("u", "d"), Example("v", "e")))
review = Review((Finding("property:a", "warn", "property", "a", "Other."), marks), {}, {"kind": "span"}, {})
print([finding.id for finding in review.findings], Review.from_json(review.as_json()) == review)
frame = pd.DataFrame({"uri": ["u"], "digest": ["d"], "label": ["rose"]})
page = render_html(review, frame, frame, {}, Context())
print("Watermarks: effect 4.0 points (share of the photos with a watermark)" in page, 'class="photos pairs"' in page)
"""


def test_a_row_makes_a_kind_of_finding(tree: Path) -> None:
    insert(tree / "flowers_tfx" / "finding_kinds.py", 'KindSpec(\n        "property"', WATERMARK)
    assert run_python(tree, USES_OF_A_KIND).splitlines() == [
        "{'mark': (1.0, 2.0)}",
        "(3.0, 30.0) warn True",
        "True",
        "['mark:a', 'property:a'] True",
        "True True",
    ]


def test_the_documents_say_the_levels_of_every_kind() -> None:
    text = (ROOT / "docs" / "interfaces.md").read_text(encoding="utf-8")
    rows = [f"| {kind.key} | {kind.levels[0]:g} | {kind.levels[1]:g} | {kind.effect_meaning} |" for kind in KINDS if kind.levels]
    assert "|---|---|---|---|\n" + "\n".join(rows) + "\n\n" in text
    assert '"kind": ' + " | ".join(f'"{kind.key}"' for kind in KINDS) + ",\n" in text
