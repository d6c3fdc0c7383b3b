from __future__ import annotations

from pathlib import Path

from flowers_tfx.inference.prediction import photo_files


def test_a_folder_stands_for_its_photos_without_what_systems_put_among_them(tmp_path: Path) -> None:
    hidden = ("._rose.jpg", ".trash/c.jpg", ".ipynb_checkpoints/rose-checkpoint.jpg", "deep/__MACOSX/b.jpg")
    for name in ("rose.jpg", "deep/b.PNG", "notes.txt", *hidden):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert photo_files(tmp_path) == [tmp_path / "deep" / "b.PNG", tmp_path / "rose.jpg"]
    # One that is named is meant, and so is a folder, wherever it lies.
    assert photo_files(tmp_path / "._rose.jpg") == [tmp_path / "._rose.jpg"]
    assert photo_files(tmp_path / ".trash") == [tmp_path / ".trash" / "c.jpg"]
