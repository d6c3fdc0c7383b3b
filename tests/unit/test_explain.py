"""`flowers explain` for photos: its rows, its files, and what it does with models, photos and places that are not as they should be."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flowers_tfx import cli
from flowers_tfx.explain import photo_explainer
from flowers_tfx.explain.explain_unknown import UnknownExplanation
from flowers_tfx.explain.explanation import Explanation, Quality, Region
from flowers_tfx.explain.explanation_files import file_names
from flowers_tfx.explain.model_function import Floats
from flowers_tfx.inference.answer import Answer
from tests.conftest import ROOT, small_photo
from tests.unit import photo_kinds
from tests.unit.small_network import LABELS, SIZE

PROMISED = {
    "file", "label", "probability", "method", "regions", "completeness_error", "deletion_auc", "insertion_auc", "random_deletion_auc",
    "trustworthy", "map",
}  # fmt: skip
HEAVY = ("tensorflow", "keras", "tfx", "apache_beam", "pandas", "pyarrow", "sklearn", "scipy", "matplotlib", "boto3", "google.auth")


def explain(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["explain", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert (stopped.value.code or 0, err.strip()) == (code, ""), out
    return json.loads(out)


def ramp() -> Floats:
    """Evidence that grows from the left to the right."""
    return np.tile(np.linspace(-1, 1, SIZE, dtype=np.float32), (SIZE, 1))


def explanation(*reasons: str, box: tuple[float, float, float, float] = (0.5, 0.0, 1.0, 0.5)) -> Explanation:
    quality = Quality(0.1, 0.9, 0.5, 0.5, 0.4, 0.6, 0.4, 0.6, stability=0.9, reasons=reasons)
    return Explanation(1, "rise", ramp(), (Region(box, 0.6), Region((0.1, 0.1, 0.2, 0.2), 0.25)), quality, 2, -ramp(), 0.1)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every photo gets one explanation, whose evidence lies at the right, a region in the quarter at the top right."""
    monkeypatch.setattr(photo_explainer, "explain_picture", lambda *_, **__: explanation())


@pytest.fixture
def withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_explainer, "explain_picture", lambda *_, **__: explanation("It is no better than random <order>."))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(small_photo(1, (60, 40)))
    return path


def test_a_row_has_what_is_promised_and_boxes_lie_inside_the_photo(
    small_registry: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = explain(capsys, photo, "--model", small_registry)
    assert set(row) >= PROMISED
    assert row["label"] in LABELS
    assert row["method"] == "rise"
    assert row["completeness_error"] is row["map"] is None
    assert 0 <= row["deletion_auc"] <= 1
    assert 0 <= row["insertion_auc"] <= 1
    assert row["runner_up"]["label"] in set(LABELS) - {row["label"]}
    assert row["trustworthy"] == (not row["reasons"])
    for region in row["regions"]:
        x0, y0, x1, y1 = region["box"]
        assert 0 <= x0 < x1 <= 60
        assert 0 <= y0 < y1 <= 40
        assert 0 < region["share"] <= 1


def test_the_same_photo_gets_the_same_row_and_the_same_files(
    small_registry: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = []
    for name in ("first", "second"):
        places = ("--out", tmp_path / name, "--maps", tmp_path / name, "--html", tmp_path / f"{name}.html")
        (row,) = explain(capsys, photo, "--model", small_registry, *places)
        files = [Path(row["map"]), Path(row["picture"]), tmp_path / f"{name}.html"]
        content.append(({**row, "map": "", "picture": "", "seconds": 0}, [file.read_bytes() for file in files]))
    assert content[0] == content[1]


@pytest.mark.usefixtures("fixed")
@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_boxes_and_maps_are_those_of_the_upright_photo(
    small_registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    make = photo_kinds.jpeg_with_exif if kind == "jpeg" else photo_kinds.png_with_exif
    scene = photo_kinds.scene().resize((200, 100))
    (tmp_path / f"turned.{kind}").write_bytes(make(scene, 6))  # a quarter turn: 100 x 200 px upright
    (row,) = explain(capsys, tmp_path / f"turned.{kind}", "--model", small_registry, "--maps", tmp_path / "maps")
    assert [region["box"] for region in row["regions"]] == [[50, 0, 100, 100], [10, 20, 20, 40]]
    values = np.load(row["map"], allow_pickle=False)
    assert (values.dtype, values.shape) == (np.float32, (200, 100))
    assert (values[:, 70:] > 0).all()
    assert (values[:, :30] < 0).all()


def test_names_of_files_are_those_of_the_photos_and_never_the_same() -> None:
    photos = [Path(name) for name in ("a/1.jpg", "b/1.jpg", "b/1.png", "b/rose.jpg", "c/Rose.jpg", "c/lone.jpg", "c/b-1.jpg")]
    names = file_names(photos)
    assert names == ["a-1", "b-1", "b-1-2", "b-rose", "c-Rose", "lone", "b-1-3"]
    assert file_names([Path("x" * 240 + ".jpg")] * 2) == ["x" * 120, "x" * 120 + "-2"]


@pytest.mark.usefixtures("fixed")
def test_an_unreadable_file_among_good_ones_has_a_row_with_its_error(
    small_registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.jpg").write_bytes(small_photo(1))
    (tmp_path / "a" / "2.jpg").write_bytes(b"<html>")
    page = tmp_path / "page.html"
    rows = explain(
        capsys, tmp_path / "a", tmp_path / "b", tmp_path / "absent.jpg", "--model", small_registry, "--maps", tmp_path / "m", "--html", page
    )
    assert [Path(row["map"]).name for row in rows if "map" in row] == ["a-1.npy", "b-1.npy"]
    assert rows[1] == {"file": str(tmp_path / "a" / "2.jpg"), "error": "not a picture"}
    assert rows[3] == {"file": str(tmp_path / "absent.jpg"), "error": "no such file or directory"}
    assert "not a picture" in page.read_text(encoding="utf-8")
    assert explain(capsys, tmp_path / "a" / "2.jpg", "--model", small_registry, code=2) == [rows[1]]


@pytest.mark.usefixtures("fixed")
def test_the_picture_and_the_page_show_the_evidence(
    small_registry: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    (row,) = explain(capsys, photo, "--model", small_registry, "--out", tmp_path / "out", "--html", page)
    with Image.open(row["picture"]) as picture:
        assert picture.format == "JPEG"
        assert 900 < picture.width < 2000
        assert np.ptp(np.asarray(picture, int), axis=-1).max() > 100  # colours of evidence
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/jpeg;base64,") == 4  # three of the photo and the scale of colours
    assert "https://" not in html
    assert "60 % at the top right" in html.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.usefixtures("withheld")
def test_an_explanation_that_fails_its_checks_is_withheld_and_its_reason_stands_in_its_place(
    small_registry: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gray = Image.new("RGB", (200, 100), (120, 120, 120))
    gray.save(photo)
    page = tmp_path / "page.html"
    (row,) = explain(capsys, photo, "--model", small_registry, "--out", tmp_path / "out", "--html", page)
    assert (row["trustworthy"], row["reasons"]) == (False, ["It is no better than random <order>."])
    with Image.open(row["picture"]) as picture:
        assert np.ptp(np.asarray(picture, int), axis=-1).max() < 40  # a gray photo, and no colour of evidence
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/jpeg;base64,") == 2
    assert "Not trustworthy for this photo" in html
    assert "random &lt;order&gt;" in html


@pytest.mark.usefixtures("fixed")
@pytest.mark.parametrize("reasons", [(), ("It is the whole picture.",)], ids=["one part", "no part"])
def test_of_a_photo_that_is_not_known_it_is_said_which_part_makes_it_so(
    small_registry: Path,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    reasons: tuple[str, ...],
) -> None:
    unknown = UnknownExplanation("far", 1.6, -ramp(), (Region((0.0, 0.0, 0.3, 0.3), 0.9),), 0.2, 0.8, 1.5, reasons)
    monkeypatch.setattr(photo_explainer, "answer_of", lambda _: Answer(np.array([0.1, 0.7, 0.2], np.float32), False, "far", 1.6))
    monkeypatch.setattr(photo_explainer, "explain_unknown", lambda *_: unknown)
    page = tmp_path / "page.html"
    (row,) = explain(capsys, photo, "--model", small_registry, "--html", page, "--out", tmp_path / "out")
    assert (row["known"], row["why"], row["score"], row["label"]) == (False, "far", 1.6, "roses")
    assert row["unknown"]["regions"] == [{"box": [0, 0, 18, 12], "share": 0.9}]
    assert (row["unknown"]["score_without"], row["unknown"]["trustworthy"]) == (0.8, not reasons)
    html = page.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert html.count("data:image/jpeg;base64,") == (3 if reasons else 4)
    words = (
        reasons[0] if reasons else "for what is at the top left: with 20 % of the photo hidden there the model would know it (score 1.60"
    )
    assert words in html
    with pytest.raises(SystemExit):
        cli.main(["explain", str(photo), "--model", str(small_registry)])
    out = capsys.readouterr().out
    assert "not a flower that the model knows, it is unlike all training photos" in out
    assert words in out


@pytest.mark.usefixtures("fixed")
def test_people_get_a_line_a_photo_and_where_the_files_are(
    small_registry: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lines() -> tuple[str, list[str]]:
        with pytest.raises(SystemExit):
            cli.main(["explain", str(photo), "--model", str(small_registry), "--out", str(tmp_path / "out")])
        out, err = capsys.readouterr()
        return out, err.splitlines()

    out, notes = lines()
    assert out.startswith(f"{photo}: roses ")
    assert "; 2 regions carry 85 % of the evidence: 60 % at the top right, 25 % at the top left; deletion 0.10 (random 0.50)" in out
    assert notes[0].startswith("1 files, 0 unreadable, 0 not trustworthy, model version ")
    assert notes[1] == f"Pictures: {tmp_path / 'out'}"
    monkeypatch.setattr(photo_explainer, "explain_picture", lambda *_, **__: explanation("It changes under small noise."))
    assert lines()[0].endswith("; not trustworthy for this photo: It changes under small noise.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "guess"), "The method 'guess' is unknown."),
        (("--model", "absent"), "absent contains no model."),
        (("--model", "77"), "has no version 77."),
        (("--out", "{file}"), "{file} is a file, not a folder."),
        (("--maps", "{file}"), "{file} is a file, not a folder."),
        (("--maps", "/proc/maps_of_photos"), "The folder /proc/maps_of_photos can't be made"),
        (("--out", "{folder}"), "The folder {folder} holds the photos themselves."),
        (("--html", "{folder}"), "{folder} is not a file."),
        (("--html", "{folder}/absent/page.html"), "The folder {folder}/absent is not there."),
        (("--set", "explain.method=guess"), "explain.method"),
    ],
)
def test_bad_input_is_one_sentence_before_the_work(
    small_registry: Path,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a photo was explained")

    monkeypatch.setattr(photo_explainer, "explain_picture", fail)
    names = {"file": photo, "folder": tmp_path}
    error = explain(capsys, photo, "--set", f"registry={small_registry}", *(argument.format(**names) for argument in arguments), code=2)
    assert message.format(**names) in error["error"]


def test_a_folder_without_photos_and_too_many_for_a_page_are_refused(
    small_registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "contains no photos" in explain(capsys, tmp_path, "--model", small_registry, code=2)["error"]
    many = [tmp_path / f"{number}.jpg" for number in range(101)]
    error = explain(capsys, *many, "--model", small_registry, "--html", tmp_path / "page.html", code=2)
    assert error["error"] == "101 photos are too many for one page, which takes 100."


@pytest.mark.usefixtures("fixed")
def test_pictures_of_an_earlier_call_below_the_folder_are_not_explained(
    small_registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "roses").mkdir()
    (tmp_path / "roses" / "1.jpg").write_bytes(small_photo(1))
    for _ in range(2):
        rows = explain(capsys, tmp_path, "--model", small_registry, "--out", tmp_path / "explained")
        assert [row["file"] for row in rows] == [str(tmp_path / "roses" / "1.jpg")]


def test_an_interruption_leaves_whole_files_of_the_photos_that_were_done(
    small_registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(small_photo(number))
    explanations = iter([explanation()])

    def stop(*_: object, **__: object) -> Explanation:
        try:
            return next(explanations)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(photo_explainer, "explain_picture", stop)
    out = tmp_path / "out"
    error = explain(capsys, tmp_path, "--model", small_registry, "--out", out, "--maps", out, "--html", out / "page.html", code=130)
    assert error["error"] == "Interrupted."
    assert sorted(path.name for path in out.iterdir()) == ["0.jpg", "0.npy"]
    Image.open(io.BytesIO((out / "0.jpg").read_bytes())).load()


def test_a_version_is_chosen_by_its_number(small_registry: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (version,) = (path.name for path in small_registry.iterdir() if path.name.isdigit())
    (row,) = explain(capsys, photo, "--set", f"registry={small_registry}", "--model", version)
    assert row["model_version"] == version


@pytest.mark.usefixtures("fixed")
@pytest.mark.parametrize("size", [(1, 900), (900, 1), (1, 1), (3000, 40)])
def test_a_photo_of_any_shape_has_a_picture_and_a_map(
    small_registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], size: tuple[int, int]
) -> None:
    photo = tmp_path / "thin.png"
    Image.new("RGB", size, (200, 30, 30)).save(photo)
    out = tmp_path / "out"
    (row,) = explain(capsys, photo, "--model", small_registry, "--out", out, "--maps", out, "--html", tmp_path / "page.html")
    assert np.load(row["map"]).shape == (size[1], size[0])
    with Image.open(row["picture"]) as picture:
        assert max(picture.size) < 4000


def test_rise_needs_no_heavy_library(small_registry: Path, photo: Path, tmp_path: Path) -> None:
    program = f"""
import atexit, sys
from flowers_tfx.cli import main
atexit.register(lambda: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr))
main(["explain", {str(photo)!r}, "--model", {str(small_registry)!r}, "--html", {str(tmp_path / "page.html")!r}])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
