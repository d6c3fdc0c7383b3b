"""A tiny but real pipeline: random weights, 32 px, a few epochs. What is tested is the plumbing; accuracy is benchmarks/accuracy.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.node_digests import DECIMALS
from tests.conftest import ROOT, write_photos


@dataclass
class Workshop:
    """A folder with photos, a data root, a pipeline root and a registry, and the ways to run on them. One epoch is enough where nobody asks
    what the model is worth, and the page that explains it is made where it is the subject; `runs` counts the runs that were started;
    `stderr` is that of the last command."""

    home: Path
    epochs: int = 1
    runs: int = 0
    stderr: str = ""

    def __post_init__(self) -> None:
        self.photos = self.home / "photos"
        self.data_root = self.home / "data"
        self.registry = self.home / "registry"
        self.config = self.home / "config.yaml"
        settings = {
            "name": "tiny",
            "data_root": str(self.data_root),
            "pipeline_root": str(self.home / "pipeline"),
            "registry": str(self.registry),
            "ingest": {"csv": str(self.photos / "all_data.csv"), "labels": str(self.photos / "dict.txt")},
            "model": {"backbone": "MobileNet", "alpha": 0.25, "image_size": 32, "weights": "none"},
            "training": {"fine_tune_epochs": self.epochs, "batch_size": 8, "learning_rate": 0.003, "augment": "none"},
            "evaluation": {"min_accuracy": 0.0, "max_drop": 1.0},
            "explain": {"photos": 0},
        }
        self.config.write_text(yaml.safe_dump(settings))

    def deliver(self, per_class: int, first: int = 0) -> None:
        """Lays `per_class` photos of three classes beside those that are there, and lists them all."""
        write_photos(self.photos, per_class, first=first)
        self.flowers("dataset", "index", str(self.photos), "--json")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "flowers_tfx", *arguments]

    def flowers(self, *arguments: str, cwd: Path = ROOT, code: int = 0) -> Any:
        """The JSON that a command prints; its exit code must be `code`."""
        environment = {**os.environ, "PYTHONPATH": str(cwd)}
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, cwd=cwd, env=environment, check=False)
        self.stderr = done.stderr
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}{self.log()}"
        return json.loads(done.stdout)

    def run(self, *overrides: str, runner: str = "local", cwd: Path = ROOT, code: int = 0, options: tuple[str, ...] = ()) -> Any:
        self.runs += code != 2  # bad input is refused before there is a run
        sets = [word for override in overrides for word in ("--set", override)]
        return self.flowers("run", "--runner", runner, "--config", str(self.config), *sets, *options, "--json", cwd=cwd, code=code)

    def versions(self) -> list[int]:
        return sorted(int(path.name) for path in self.registry.iterdir() if path.name.isdecimal()) if self.registry.is_dir() else []

    def status(self) -> tuple[str, str]:
        """Of the newest run, by ML Metadata: its status and the page of its review."""
        newest = self.flowers("runs", "--config", str(self.config), "--json")[0]
        return newest["status"], newest["review"]

    def log(self) -> str:
        logs = sorted((self.home / "pipeline" / "logs").glob("*.log"), key=lambda path: path.stat().st_mtime)
        return f"\n--- log\n{logs[-1].read_text(errors='replace')[-4000:]}" if logs else ""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


def states(report: dict[str, Any]) -> dict[str, str]:
    return {node: details["state"] for node, details in report["nodes"].items()}


def round_floats(value: Any) -> Any:
    """Beam adds up in no fixed order: the last digits of a mean differ between two runs of the same runner, too."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {key: round_floats(below) for key, below in value.items()}
    return [round_floats(below) for below in value] if isinstance(value, list) else value
