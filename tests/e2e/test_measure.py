"""`dataset measure`, `review compare` and `dataset audit`, on files: what programs get."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from flowers_tfx import features
from tests.conftest import ROOT, write_photos

pytestmark = [pytest.mark.e2e]


def flowers(*arguments: str, code: int = 0) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "flowers_tfx", *arguments, "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def delivery(home: Path, first: int, light: float = 1.0) -> Path:
    write_photos(home, 30, first=first)
    for path in home.glob("*/*.jpg") if light != 1 else ():
        with Image.open(path) as image:
            ImageEnhance.Brightness(image).enhance(light).save(path, quality=85)
    return Path(flowers("dataset", "index", str(home))["csv"])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("tables")
    found = {}
    for name, first, light in (("old", 0, 1.0), ("same", 600, 1.0), ("dark", 1200, 0.4)):
        csv = delivery(home / name, first, light)
        if name == "old":
            csv.write_text(csv.read_text() + "absent.jpg,daisy\n,roses\n")
        found[name] = home / f"{name}.parquet"
        output = flowers("dataset", "measure", str(csv), "--out", str(found[name]))
        assert output["photos"] == 90
        assert output["rejected"] == (2 if name == "old" else 0)
    return found


def test_a_table_has_every_property_and_a_row_a_photo(tables: dict[str, Path]) -> None:
    frame = pd.read_parquet(tables["old"])
    assert {"uri", "digest", "label", "embedding", *features.PROPERTY_NAMES} <= set(frame.columns)
    assert len(frame) == frame.digest.nunique() == 90


def test_exit_codes_json_and_page(tables: dict[str, Path], tmp_path: Path) -> None:
    same = flowers("review", "compare", str(tables["old"]), str(tables["same"]))
    assert same["verdict"] in ("pass", "warn")
    html = tmp_path / "review.html"
    dark = flowers("review", "compare", str(tables["old"]), str(tables["dark"]), "--html", str(html), code=3)
    assert dark["verdict"] == "blocked"
    assert dark["compared_with"]["photos"] == dark["new"]["photos"] == 90
    text = html.read_text(encoding="utf-8")
    assert "Blocked" in text
    assert "data:image/jpeg;base64," in text
    assert dark["findings"][0]["message"].split(":")[0] in text
    assert flowers("review", "compare", str(tables["old"]), str(tables["dark"]), code=3) == dark


@pytest.mark.one_stack
@pytest.mark.parametrize("wrong", ["absent.parquet", "text.parquet", "other.parquet", "folder"])
def test_what_is_not_a_table_is_bad_input(tables: dict[str, Path], tmp_path: Path, wrong: str) -> None:
    (tmp_path / "text.parquet").write_text("uri,label\n")
    pd.DataFrame({"x": np.arange(3)}).to_parquet(tmp_path / "other.parquet")
    (tmp_path / "folder").mkdir()
    output = flowers("review", "compare", str(tables["old"]), str(tmp_path / wrong), code=2)
    assert set(output) == {"error", "hint"}


@pytest.mark.one_stack
def test_spans_are_compared_as_tables_are(tables: dict[str, Path], tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("old", "dark"):
        home = tables[name].parent / name
        flowers("ingest", "--csv", str(home / "all_data.csv"), "--labels", str(home / "dict.txt"), "--data-root", str(root))
    found = flowers("review", "compare", str(root / "span-1"), str(root / "span-2"), code=3)
    assert found["new"]["spans"] == [2]
    assert found["new"]["digest"] == json.loads((root / "span-2" / "manifest.json").read_text())["digest"]
    assert "property:mean_luma" in [finding["id"] for finding in found["findings"]]


@pytest.mark.one_stack
def test_an_audit_before_anything_is_taken_in(tables: dict[str, Path], tmp_path: Path) -> None:
    csv = tables["dark"].parent / "dark" / "all_data.csv"
    output = flowers("dataset", "audit", str(csv), "--out", str(tmp_path / "audit"), "--against", str(tables["old"]), code=3)
    assert output["verdict"] == "blocked"
    assert output["suspects"] == []
    assert "embeddings" in output["labels_not_looked_at"]
    assert json.loads((tmp_path / "audit" / "audit.json").read_text()) == output
    for page in output["reports"].values():
        assert "<html" in Path(page).read_text(encoding="utf-8")
    alone = flowers("dataset", "audit", str(csv), "--out", str(tmp_path / "alone"), "--set", f"registry={tmp_path / 'none'}")
    assert alone["review"]["compared_with"]["kind"] == "none"


@pytest.mark.photos
def test_embeddings_and_planted_label_errors_on_real_photos(shared: Path, tmp_path: Path) -> None:
    weights = str(shared / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5")
    lines = []
    classes = sorted(path.name for path in (shared / "flower_photos").iterdir() if path.is_dir())
    for place, name in enumerate(classes):
        for number, path in enumerate(sorted((shared / "flower_photos" / name).glob("*.jpg"))[:24]):
            wrong = number < 2
            lines.append(f"{path},{classes[(place + 2) % len(classes)] if wrong else name}")
    csv = tmp_path / "all.csv"
    csv.write_text("\n".join(lines) + "\n")
    output = flowers(
        "dataset", "audit", str(csv), "--out", str(tmp_path / "audit"), "--weights", weights, "--set", f"registry={tmp_path / 'none'}"
    )
    planted = {line.rsplit(",", 1)[0] for at, line in enumerate(lines) if at % 24 < 2}
    found = {suspect["uri"] for suspect in output["suspects"]}
    assert len(found & planted) >= 5
    frame = pd.read_parquet(output["table"])
    assert {len(vector) for vector in frame.embedding} == {1280}
