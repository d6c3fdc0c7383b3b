"""Digests of the code as they are after an edit, without an edit of this checkout."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from flowers_tfx import code_digest
from flowers_tfx.components import own_component
from flowers_tfx.orchestration import cache_records
from tests.conftest import ROOT


def edit_copy(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> None:
    """Nodes get the digests of a copy of the program in `folder` in which one file was edited."""
    shutil.copytree(ROOT / "flowers_tfx", folder / "flowers_tfx", ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / name).open("a") as source:
        source.write("\n# edited\n" if name.endswith(".py") else "\n")
    for module in (own_component, cache_records):
        monkeypatch.setattr(module, "code_digest", partial(code_digest.code_digest, root=folder))
    monkeypatch.setattr(cache_records, "file_digests", partial(code_digest.file_digests, root=folder))
