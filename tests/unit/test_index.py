import csv
import os
from pathlib import Path

import pytest

from flowers_tfx.data.delivery import read_chunk, read_line, survey
from flowers_tfx.data.index import index_folder
from flowers_tfx.errors import InputError


def put(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.reader(file))


def test_every_file_of_every_class_is_listed_sorted_with_absolute_paths(tmp_path: Path) -> None:
    put(tmp_path, "tulips/b.jpg", "daisy/deep/down/c.JPG", "tulips/a.png", "daisy/notes.txt", "daisy/empty")
    result = index_folder(tmp_path)
    assert rows(result.csv) == [[str(tmp_path / "daisy" / name), "daisy"] for name in ("deep/down/c.JPG", "empty", "notes.txt")] + [
        [str(tmp_path / "tulips" / name), "tulips"] for name in ("a.png", "b.jpg")
    ]
    assert result.labels.read_text() == "daisy\ntulips\n"
    assert (result.photos, result.classes, result.hidden, result.left_out) == (5, {"daisy": 3, "tulips": 2}, 0, ())
    assert (result.csv, result.labels) == (tmp_path / "all_data.csv", tmp_path / "dict.txt")


def test_the_index_itself_loose_files_and_hidden_folders_are_not_classes(tmp_path: Path) -> None:
    put(tmp_path, "roses/a.jpg", "LICENSE.txt", ".git/config", ".samples.json")
    first = index_folder(tmp_path)
    assert first.classes == {"roses": 1}
    before = first.csv.read_bytes()
    assert index_folder(tmp_path) == first
    assert first.csv.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".git",
        ".samples.json",
        "LICENSE.txt",
        "all_data.csv",
        "dict.txt",
        "roses",
    ]


def test_it_goes_to_another_folder_and_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "photos/roses/a.jpg")
    monkeypatch.chdir(tmp_path)
    result = index_folder(Path("photos"), Path("new/out"))
    assert result.csv == tmp_path / "new" / "out" / "all_data.csv"
    assert rows(result.csv) == [[str(tmp_path / "photos/roses/a.jpg"), "roses"]]
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["roses"]


@pytest.mark.parametrize("name", ['ro,ses "red"', "Löwenzahn", "'q'", "a b", "#1"])
def test_awkward_names_survive(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"{name}/{name}.jpg", f"{name}/ leading and trailing ")
    result = index_folder(tmp_path)
    assert [name, name] == [label for _, label in rows(result.csv)]
    assert {path for path, _ in rows(result.csv)} == {str(path) for path in (tmp_path / name).iterdir()}
    assert result.labels.read_text(encoding="utf-8") == f"{name}\n"


def test_names_that_are_not_utf8_keep_their_bytes(tmp_path: Path) -> None:
    put(tmp_path, "roses/a.jpg")
    name = os.fsencode(tmp_path) + b"/roses/caf\xe9.jpg"
    try:
        Path(os.fsdecode(name)).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    result = index_folder(tmp_path)
    assert name + b",roses\n" in result.csv.read_bytes()
    assert [os.path.exists(path) for path, _ in rows(result.csv)] == [True, True]


def test_a_class_without_photos_today_stays_a_class(tmp_path: Path) -> None:
    put(tmp_path, "roses/a.jpg")
    (tmp_path / "tulips").mkdir()
    result = index_folder(tmp_path)
    assert result.classes == {"roses": 1, "tulips": 0}
    assert result.labels.read_text() == "roses\ntulips\n"


def test_links_out_of_the_folder_are_not_followed_and_named(tmp_path: Path) -> None:
    put(tmp_path, "root/roses/a.jpg", "elsewhere/secret.jpg", "elsewhere/more/b.jpg")
    roses = tmp_path / "root" / "roses"
    (roses / "inside.jpg").symlink_to("a.jpg")
    (roses / "outside.jpg").symlink_to(tmp_path / "elsewhere" / "secret.jpg")
    (roses / "folder").symlink_to(tmp_path / "elsewhere")
    (roses / "loop").symlink_to(roses)
    (roses / "broken.jpg").symlink_to("gone.jpg")
    (tmp_path / "root" / "tulips").symlink_to(tmp_path / "elsewhere")
    result = index_folder(tmp_path / "root")
    assert [Path(path).name for path, _ in rows(result.csv)] == ["a.jpg", "inside.jpg"]
    assert result.classes == {"roses": 2}
    assert {Path(entry.path).name for entry in result.left_out} == {"outside.jpg", "folder", "loop", "broken.jpg", "tulips"}


@pytest.mark.parametrize("name", ["two\nlines.jpg", "return\r.jpg", "two\nlines/b.jpg", "Icon\r"])
def test_a_line_break_in_a_name_leaves_that_file_out_and_names_it(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"roses/{name}", "roses/a.jpg", "tulips/c.jpg")
    result = index_folder(tmp_path)
    assert result.classes == {"roses": 1, "tulips": 1}
    [entry] = map(str, result.left_out)
    assert entry.endswith(f"roses/{repr(name)[1:-1]}".removesuffix("/b.jpg"))
    assert "line break" in entry
    assert entry.isprintable()


@pytest.mark.parametrize(
    "name", ["a.jpg ", " a.jpg", "b\t", "\u2028.jpg", "\x0b\x0c\x1c\x85.jpg", "\x07\x1b[31m", ' "a", b ', "a\\n", "a\udce9 "]
)
def test_every_other_name_comes_back_from_the_index(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"roses/{name}", "roses/c.jpg")
    result = index_folder(tmp_path)
    assert result.left_out == ()
    [chunk] = survey(str(result.csv)).chunks
    lines = [read_line(number, raw, "", {"roses"}) for number, raw in read_chunk(str(result.csv), chunk)]
    assert {os.fsdecode(line.path) for line in lines} == {str(path) for path in (tmp_path / "roses").iterdir()}
    assert [line.reason for line in lines] == ["", ""]


def test_a_path_with_a_line_break_above_the_photos_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "two\nlines/roses/a.jpg")
    with pytest.raises(InputError, match=r"two\\nlines contains a line break"):
        index_folder(tmp_path / "two\nlines")


def test_hidden_files_and_folders_stay_out_and_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "roses/a.jpg", "roses/._a.jpg", "roses/.DS_Store", "roses/Thumbs.db", "roses/.ipynb_checkpoints/a-checkpoint.jpg")
    put(tmp_path, "roses/deep/desktop.ini", "roses/deep/b.jpg", "roses/deep/__MACOSX/._b.jpg")
    put(tmp_path, "__MACOSX/roses/._a.jpg", ".ipynb_checkpoints/a-checkpoint.jpg", ".DS_Store")
    result = index_folder(tmp_path)
    assert [Path(path).name for path, _ in rows(result.csv)] == ["a.jpg", "b.jpg"]
    assert (result.classes, result.hidden, result.left_out) == ({"roses": 2}, 8, ())


def test_a_folder_with_hidden_files_only_is_not_a_class(tmp_path: Path) -> None:
    put(tmp_path, "roses/a.jpg", "notebooks/.ipynb_checkpoints/a.jpg", "notebooks/.DS_Store")
    result = index_folder(tmp_path)
    assert result.labels.read_text() == "roses\n"
    assert (result.classes, result.hidden) == ({"roses": 1}, 2)
    assert ["notebooks" in str(entry) and "hidden files only" in str(entry) for entry in result.left_out] == [True]


def test_a_folder_as_macos_names_it_is_the_class_in_its_usual_spelling(tmp_path: Path) -> None:
    """Its photos keep their names, and the same class in both spellings is one class."""
    mac, usual = "Lo\N{COMBINING DIAERESIS}wenzahn", "L\N{LATIN SMALL LETTER O WITH DIAERESIS}wenzahn"
    put(tmp_path, f"{mac}/{mac}.jpg", f"{usual}/b.jpg", "Zinnie/c.jpg")
    result = index_folder(tmp_path)
    assert result.classes == {usual: 2, "Zinnie": 1}
    assert result.labels.read_text(encoding="utf-8") == f"{usual}\nZinnie\n"
    assert {path for path, label in rows(result.csv) if label == usual} == {
        str(tmp_path / mac / f"{mac}.jpg"),
        str(tmp_path / usual / "b.jpg"),
    }
    assert all(os.path.exists(path) for path, _ in rows(result.csv))


@pytest.mark.parametrize("name", ["two\nlines", "\u2028", " roses", "roses ", "caf\udce9"])
def test_a_class_name_that_is_not_one_line_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"{name}/a.jpg")
    with pytest.raises(InputError, match="class folder") as caught:
        index_folder(tmp_path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("names", [(), ("loose.jpg",), (".hidden/a.jpg",)])
def test_no_class_folder_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    put(tmp_path, *names)
    with pytest.raises(InputError, match="no class folder") as caught:
        index_folder(tmp_path)
    assert "folder per class" in caught.value.hint


def test_class_folders_without_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "roses").mkdir()
    with pytest.raises(InputError, match="no file"):
        index_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["roses"]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone can't be read"):
        index_folder(tmp_path / "gone")
    put(tmp_path, "file")
    with pytest.raises(InputError, match="file can't be read"):
        index_folder(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_class_folder_without_permission_is_an_error_not_a_gap(tmp_path: Path) -> None:
    put(tmp_path, "roses/a.jpg", "tulips/closed/a.jpg")
    (tmp_path / "tulips" / "closed").chmod(0)
    try:
        with pytest.raises(InputError, match="closed can't be read"):
            index_folder(tmp_path)
    finally:
        (tmp_path / "tulips" / "closed").chmod(0o755)


@pytest.mark.parametrize("out", ["roses", "roses/deep", "index"])
def test_an_index_among_the_classes_is_refused(tmp_path: Path, out: str) -> None:
    put(tmp_path, "roses/a.jpg")
    with pytest.raises(InputError, match="among the class folders"):
        index_folder(tmp_path, tmp_path / out)


def test_an_index_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    put(tmp_path, "photos/roses/a.jpg", "file")
    with pytest.raises(InputError, match="can't be written"):
        index_folder(tmp_path / "photos", tmp_path / "file" / "out")
