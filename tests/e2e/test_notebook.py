"""notebooks/walkthrough.ipynb: committed without outputs, and every cell of it runs on a fresh kernel."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

WALKTHROUGH = ROOT / "notebooks" / "walkthrough.ipynb"
MOST_BYTES = 30_000


def read() -> nbformat.NotebookNode:
    return nbformat.read(WALKTHROUGH, as_version=4)


def test_it_is_committed_as_it_is_written() -> None:
    notebook = read()
    nbformat.validate(notebook)
    assert WALKTHROUGH.stat().st_size < MOST_BYTES
    assert [cell.outputs or cell.execution_count for cell in notebook.cells if cell.cell_type == "code"].count(None) == sum(
        cell.cell_type == "code" for cell in notebook.cells
    )
    assert notebook.metadata.kernelspec.name == "python3", "the fresh kernel of any installation"


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.one_stack
def test_it_runs_from_pictures_to_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = NotebookClient(read(), timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "succeeded, accuracy on test: " in printed
    assert "blocked" in printed
    pages = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert len(pages) == 4, "the reviews, the evaluation and the explanations"
    assert all(page.startswith("<iframe srcdoc=") and "&lt;html" in page for page in pages)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["walkthrough"]
