"""The compiled package from start to end under `kfp.local`, every step in a process of its own through its real command."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowers_tfx import registry
from tests.e2e.subprocess_docker import docker_module

ROOT = Path(__file__).resolve().parents[2]
IMAGE = f"r.example/flowers@sha256:{'a1' * 32}"
KFP = tuple(int(part) for part in importlib.metadata.version("kfp").split(".")[:2])

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(KFP < (2, 6), reason=f"kfp.local runs no compiled package before kfp 2.6, and this is {KFP[0]}.{KFP[1]}"),
]


def compiled(home: Path) -> Path:
    """A small network, one epoch; where things lie is given to the run."""
    (home / "dict.txt").write_text("daisy\nroses\ntulips\n")
    settings = ["data_root=gs://b/data", "registry=gs://b/registry", "pipeline_root=gs://b/artifacts", "ingest.csv=gs://b/all.csv"]
    settings += [f"ingest.labels={home / 'dict.txt'}", f"labels={home / 'dict.txt'}", "model.weights=none", "model.image_size=32"]
    settings += ["training.fine_tune_epochs=1", "evaluation.min_accuracy=0", "evaluation.max_drop=1"]
    out = home / "flowers.yaml"
    command = [sys.executable, "-m", "flowers_tfx", "kubeflow", "compile", "--target", "kfp", "--image", IMAGE, "--out", str(out)]
    subprocess.run([*command, *(word for setting in settings for word in ("--set", setting))], check=True, cwd=ROOT)
    return out


def test_the_package_publishes_a_model(tmp_path: Path, photos_of: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setitem(sys.modules, "docker", docker_module(run=started))
    from kfp import components, local

    photos = sorted(photos_of(tmp_path / "photos", 40).rglob("*.jpg"))
    (tmp_path / "all.csv").write_text("".join(f"{path},{path.parent.name}\n" for path in photos))
    pipeline = components.load_component_from_file(str(compiled(tmp_path)))
    local.init(local.DockerRunner(), pipeline_root=str(tmp_path / "artifacts"))
    pipeline(csv=str(tmp_path / "all.csv"), data_root=str(tmp_path / "data"), registry=str(tmp_path / "registry"), span_window="all")
    assert len(started) == 15
    (version,) = registry.versions(str(tmp_path / "registry"))
    assert registry.baseline_is_whole(str(tmp_path / "registry"), version)
    assert list((tmp_path / "artifacts").rglob("report/report.html"))
