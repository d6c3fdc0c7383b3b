"""Photos of more pixels than the default limit, which a larger `ingest.max_pixels` let in, are shown on every page like all others."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from flowers_tfx.config import load_config
from flowers_tfx.data.spans import Span
from flowers_tfx.data.tables import read_table
from flowers_tfx.review import baseline_sample
from flowers_tfx.review.sides import Side, open_side
from flowers_tfx.review.thumbnails import SMALL, read_thumbnails, thumbnail
from tests.conftest import write_photos
from tests.unit.test_cli import call

LARGER = ("--set", "ingest.max_pixels=70000000")


@pytest.fixture(scope="module")
def large() -> bytes:
    """10000x6000 px in 100 kB, which is above the limit by default."""
    picture = Image.new("L", (10_000, 6_000), 90)
    ImageDraw.Draw(picture).rectangle([0, 0, 4_000, 3_000], fill=250)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def delivery(large: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small photos, and the large one under two labels: a conflict, which the page of a review shows."""
    home = tmp_path_factory.mktemp("delivery")
    photos = sorted(write_photos(home / "photos", 15).rglob("*.jpg"))
    (home / "large.png").write_bytes(large)
    lines = [f"{photo},{photo.parent.name}\n" for photo in photos]
    (home / "all.csv").write_text("".join([*lines, *(f"{home / 'large.png'},{label}\n" for label in ("daisy", "roses"))]))
    return home


def picture_of(photo: bytes) -> str:
    return base64.b64encode(thumbnail(photo)).decode()


def test_the_limit_by_default_is_lower(large: bytes) -> None:
    assert load_config(None, []).ingest.max_pixels < 10_000 * 6_000


def test_audit_shows_it(delivery: Path, large: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "dataset", "audit", str(delivery / "all.csv"), "--out", str(tmp_path / "audit"), *LARGER)
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "audit").glob("*.html")]
    assert any(picture_of(large) in page for page in pages)


def test_compare_shows_it(delivery: Path, large: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, page = str(tmp_path / "table.parquet"), tmp_path / "page.html"
    code, _, errors = call(capsys, "dataset", "measure", str(delivery / "all.csv"), "--out", table, *LARGER)
    assert code == 0, errors
    call(capsys, "review", "compare", table, table, "--html", str(page))
    assert picture_of(large) in page.read_text(encoding="utf-8")


def test_the_sample_beside_a_model_has_its_thumbnail(
    delivery: Path, large: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From which the pages of later runs take it."""
    table = tmp_path / "table.parquet"
    call(capsys, "dataset", "measure", str(delivery / "all.csv"), "--out", str(table), *LARGER)
    side = open_side(table)

    def spans_side(_: list[Span]) -> Side:
        return side

    monkeypatch.setattr(baseline_sample, "spans_side", spans_side)
    baseline_sample.write_baseline_sample(tmp_path / "sample", [], None, 1_000)
    rows = read_table(table).frame
    digest = rows["digest"][rows["width_px"] == 10_000].iloc[0]
    assert read_thumbnails(tmp_path / "sample")[digest] == thumbnail(large, SMALL)
