import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from flowers_tfx.errors import InputError
from flowers_tfx.samples.draw import CLASSES, COPY_EVERY, draw_picture, draw_samples

COUNT = 12  # pictures a class: enough to see variety, quick to draw


@pytest.fixture(scope="module")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("samples") / "flowers"
    assert draw_samples(out, per_class=COUNT, seed=7) == dict.fromkeys(CLASSES, COUNT)
    return out


def photos(out: Path) -> list[Path]:
    return sorted(out.glob("*/*.jpg"))


def test_there_is_a_folder_per_class_of_readable_jpegs(sample_folder: Path) -> None:
    assert sorted(path.name for path in sample_folder.iterdir() if not path.name.startswith(".")) == sorted(CLASSES)
    assert len(photos(sample_folder)) == COUNT * len(CLASSES)
    for path in photos(sample_folder):
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert min(image.size) >= 200
            assert max(image.size) <= 700
            image.load()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert draw_picture("roses", 3, seed=7) == draw_picture("roses", 3, seed=7)
    assert draw_picture("roses", 3, seed=7) != draw_picture("roses", 3, seed=8)
    assert draw_picture("roses", 3, seed=7) != draw_picture("tulips", 3, seed=7)


def test_a_larger_set_holds_the_smaller_one(sample_folder: Path) -> None:
    assert (sample_folder / "tulips" / "tulips_0002.jpg").read_bytes() == draw_picture("tulips", 2, seed=7)


def test_no_two_pictures_are_alike(sample_folder: Path) -> None:
    assert len({path.read_bytes() for path in photos(sample_folder)}) == COUNT * len(CLASSES)


def test_the_pictures_vary_as_photos_do(sample_folder: Path) -> None:
    lumas, shapes, tables, months = [], set(), set(), set()
    for path in photos(sample_folder):
        with Image.open(path) as image:
            lumas.append(float(np.asarray(image.convert("L")).mean()))
            shapes.add(image.size)
            assert isinstance(image, JpegImageFile)
            tables.add(tuple(image.quantization[0]))
            months.add(str(image.getexif().get_ifd(0x8769).get(0x9003, ""))[5:7])
    assert max(lumas) - min(lumas) > 80
    assert len(shapes) > COUNT
    assert len(tables) > COUNT
    assert "" in months  # some tell no date
    assert len(months) >= 5


def test_some_lie_on_their_side_and_say_so() -> None:
    sideways = 0
    for number in range(60):
        with Image.open(io.BytesIO(draw_picture("tulips", number, seed=0))) as image:
            if image.getexif().get(0x0112) in (6, 8):
                sideways += 1
                assert ImageOps.exif_transpose(image).size == image.size[::-1]
    assert 1 <= sideways <= 10


def test_a_finished_folder_is_left_alone(sample_folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in photos(sample_folder)}
    assert draw_samples(sample_folder, per_class=COUNT, seed=7) == dict.fromkeys(CLASSES, COUNT)
    assert {path: path.stat().st_mtime_ns for path in photos(sample_folder)} == before


@pytest.mark.parametrize(("per_class", "seed"), [(COUNT + 1, 7), (COUNT, 8)])
def test_another_set_does_not_overwrite_it(sample_folder: Path, per_class: int, seed: int) -> None:
    with pytest.raises(InputError, match="not empty") as caught:
        draw_samples(sample_folder, per_class=per_class, seed=seed)
    assert caught.value.hint


def test_a_folder_of_somebody_else_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        draw_samples(tmp_path, per_class=1)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match="not a folder"):
        draw_samples(tmp_path / "out", per_class=1)


def test_an_empty_folder_is_filled_and_progress_is_reported(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    reports: list[tuple[int, int]] = []
    draw_samples(out, per_class=1, progress=lambda done, total: reports.append((done, total)))
    assert reports == [(number, 5) for number in range(1, 6)]
    assert len(photos(out)) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 pictures"):
        draw_samples(tmp_path / "out", per_class=0)


def test_an_interrupted_call_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_samples(tmp_path / "out", per_class=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("samples") / "planted"
    counts = draw_samples(out, per_class=COUNT, seed=7, planted=True)
    assert counts == {label: len(list((out / label).glob("*.jpg"))) for label in CLASSES}
    return out


def test_a_planted_delivery_is_the_same_scenes_darker_and_of_half_the_size(sample_folder: Path, planted: Path) -> None:
    for path in photos(sample_folder):
        names = list(planted.glob(f"*/{path.name}"))
        assert len(names) == 1
        with Image.open(path) as image, Image.open(names[0]) as small:
            assert small.size == tuple(-(-side // 2) for side in image.size)
            assert np.asarray(small.convert("L")).mean() < 0.8 * np.asarray(image.convert("L")).mean()


def test_a_planted_delivery_has_tulips_among_the_roses_and_exact_copies(planted: Path) -> None:
    assert not (planted / "tulips").exists()
    assert len(list((planted / "roses").glob("tulips_????.jpg"))) == COUNT
    copies = sorted(planted.glob("*/*_copy.jpg"))
    assert len(copies) == len(CLASSES) * -(-COUNT // COPY_EVERY)
    for copy in copies:
        assert copy.read_bytes() == copy.with_name(copy.name.replace("_copy", "")).read_bytes()
    assert len({path.read_bytes() for path in photos(planted)}) == COUNT * len(CLASSES)


def test_a_planted_delivery_is_the_same_each_time(planted: Path) -> None:
    picture = draw_picture("roses", 3, seed=7, planted=True)
    assert (planted / "roses" / "roses_0003.jpg").read_bytes() == picture == draw_picture("roses", 3, seed=7, planted=True)
    before = {path: path.stat().st_mtime_ns for path in photos(planted)}
    draw_samples(planted, per_class=COUNT, seed=7, planted=True)
    assert {path: path.stat().st_mtime_ns for path in photos(planted)} == before
    with pytest.raises(InputError, match="not empty"):
        draw_samples(planted, per_class=COUNT, seed=7)
