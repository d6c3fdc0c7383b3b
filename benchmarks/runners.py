"""The same photos and configuration on three runners, node by node: wall time, and a digest of what came out.

    python benchmarks/runners.py [--photos DIR] [--per-class 40] [--out DIR | --again DIR] [--json | --markdown]

Local runner, Beam runner, and the compiled Kubeflow package under `kfp.local` (each step in a container of its own where there is a Docker
engine and FLOWERS_TEST_IMAGE names an image, else in a process of its own), one after another, each without a cache. Each of the package's
15 processes imports TFX first. Progress goes to stderr. Without photos it says so and exits with 0; it exits with 1 when digests differ.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Without this folder itself, in which `runners` would be this file.
sys.path[0] = str(ROOT)

from benchmarks.node_digests import digest, digests  # noqa: E402
from tests.e2e.kfp_local import PackageFailed, Step, Unavailable, image, run_package  # noqa: E402

SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
# A small network from scratch, so that no weights are needed: what is compared is the plumbing, not the accuracy.
SETTINGS = ("model.backbone=MobileNet", "model.alpha=0.25", "model.image_size=64", "model.weights=none", "training.fine_tune_epochs=4")
SETTINGS += ("explain.photos=1",)
FLOORS = ("evaluation.min_accuracy=0", "evaluation.max_drop=1")
PLACES = ("data_root", "registry", "pipeline_root", "ingest.csv")
NAMES = {"local": "local", "beam": "Beam", "kubeflow": "Kubeflow package"}
RUNNERS = tuple(NAMES)


@dataclass
class Node:
    """`outputs`: where each output lies."""

    seconds: float
    outputs: dict[str, str]


@dataclass
class Run:
    seconds: float
    nodes: dict[str, Node] = field(default_factory=dict)


class RunFailed(Exception):
    pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SHARED / "flower_photos", help="a folder per class")
    parser.add_argument("--per-class", type=int, default=40, help="photos of each class (default 40)")
    parser.add_argument("--out", type=Path, help="new folder for photos, runs, results.json and results.md (default: a temporary one)")
    parser.add_argument("--again", type=Path, metavar="DIR", help="runs nothing, and compares anew what lies in a former --out")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON value on stdout, nothing else")
    form.add_argument("--markdown", action="store_true", help="the table as the docs have it")
    options = parser.parse_args()
    home = (options.again or options.out or Path(tempfile.mkdtemp(prefix="flowers-runners-"))).resolve()
    if not options.again:
        if not options.photos.is_dir():
            return skipped(f"{options.photos} does not exist", options.json)
        try:
            measure(options.photos, options.per_class, home)
        except Unavailable as reason:
            return skipped(str(reason), options.json)
        except (RunFailed, PackageFailed) as failed:
            say(f"{failed}\nWhat it left lies in {home}.")
            return 1
    value = compared(home)
    (home / "results.json").write_text(json.dumps(value, indent=2))
    (home / "results.md").write_text(markdown(value))
    print(json.dumps(value) if options.json else markdown(value), end="")
    say(f"Results: {home / 'results.json'} and {home / 'results.md'}; the runs lie beside them.")
    return 0 if value["equal"] else 1


def skipped(reason: str, as_json: bool) -> int:
    print(json.dumps({"skipped": reason}) if as_json else f"skipped: {reason}")
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def copied(photos: Path, per_class: int, home: Path) -> tuple[Path, int]:
    """A delivery that lies in `home`, where every container sees it: its CSV, and how many photos it has."""
    home.mkdir(parents=True, exist_ok=True)
    lines = []
    for folder in sorted(path for path in photos.iterdir() if path.is_dir()):
        (home / "photos" / folder.name).mkdir(parents=True)
        for photo in sorted(folder.glob("*.jpg"))[:per_class]:
            lines.append(f"{shutil.copy(photo, home / 'photos' / folder.name)},{folder.name}\n")
    csv = home / "all.csv"
    csv.write_text("".join(lines))
    return csv, len(lines)


def measure(photos: Path, per_class: int, home: Path) -> None:
    """Runs all three, and leaves in runs.json how long each node took and where its outputs lie."""
    csv, count = copied(photos, per_class, home)
    runs: dict[str, Run] = {}
    for position, runner in enumerate(RUNNERS, start=1):
        done = sum(run.seconds for run in runs.values())
        guess = f"; about {done / len(runs) * (len(RUNNERS) - len(runs)):.0f} s left, and more for processes that start" if runs else ""
        say(f"{position} of {len(RUNNERS)}: {runner}{guess}")
        started = time.monotonic()
        place = home / runner
        nodes = under_kfp(place, csv) if runner == "kubeflow" else in_process(runner, place, csv)
        runs[runner] = Run(round(time.monotonic() - started, 1), nodes)
        say(f"{runner}: {runs[runner].seconds:.0f} s")
    said = {"photos": count, "python": platform.python_version(), "runs": {runner: asdict(run) for runner, run in runs.items()}}
    (home / "runs.json").write_text(json.dumps(said, indent=2))


def in_process(runner: str, place: Path, csv: Path) -> dict[str, Node]:
    place.mkdir()
    where = (f"data_root={place / 'data'}", f"registry={place / 'registry'}", f"pipeline_root={place / 'pipeline'}", f"ingest.csv={csv}")
    report = json.loads(flowers(place / "run.log", "run", "--runner", runner, "--json", settings=where))
    return {name: Node(node["seconds"], texts(kept(place / "pipeline" / name))) for name, node in report["nodes"].items()}


def texts(paths: Mapping[str, Path]) -> dict[str, str]:
    return {key: str(path) for key, path in paths.items()}


def kept(folder: Path) -> dict[str, Path]:
    """Outputs of the newest execution of a node, in the folders of TFX's own runners: NODE/KEY/EXECUTION."""
    keys = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []  # DataGate has none
    return {key.name: max(key.iterdir(), key=lambda execution: int(execution.name)) for key in keys}


def under_kfp(place: Path, csv: Path) -> dict[str, Node]:
    package = compiled(place)
    parameters = {"data_root": str(place / "data"), "registry": str(place / "registry"), "csv": str(csv), "span_window": "all"}
    expected = len(json.loads((place / "compiled.json").read_text())["steps"])
    done: list[Step] = []

    def watch(step: Step) -> None:
        done.append(step)
        left = sum(one.seconds for one in done) / len(done) * (expected - len(done))
        say(f"  {len(done)} of {expected}: {step.node}, {step.seconds:.0f} s; about {left:.0f} s left")

    steps = run_package(package, place.parent, parameters, watch)
    return {name: Node(step.seconds, texts(outputs_of(step))) for name, step in steps.items()}


def outputs_of(step: Step) -> dict[str, Path]:
    """TFX leaves a .temp beside them."""
    return {path.name: path for path in step.folder.iterdir() if path.name != "executor_output.json" and path.name[0] != "."}


def compiled(place: Path, more: Sequence[str] = ()) -> Path:
    """The package, compiled for buckets: where things lie is given to the run."""
    place.mkdir(exist_ok=True)
    where = [f"{name}=gs://bucket/{name}" for name in PLACES]
    out = place / "flowers.yaml"
    said = flowers(
        place / "compile.log",
        *("kubeflow", "compile", "--target", "kfp", "--image", image(), "--out", str(out), "--json"),
        settings=[*where, *more],
    )
    (place / "compiled.json").write_text(said)
    return out


def flowers(log: Path, *arguments: str, settings: Sequence[str]) -> str:
    """What the command prints, in a process of its own. Raises RunFailed."""
    words = [word for setting in (*SETTINGS, *FLOORS, *settings) for word in ("--set", setting)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "flowers_tfx", *arguments, *words]
    with log.open("w") as errors:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        raise RunFailed(f"flowers {arguments[0]} failed ({done.returncode}): {done.stdout}{log.read_text()[-3000:]}")
    return done.stdout


def published(home: Path, runner: str) -> dict[str, Path]:
    """The baseline of the newest version, which PublishBaseline writes into the registry and not into an artifact."""
    versions = [path for path in (home / runner / "registry").iterdir() if path.name.isdecimal()]
    newest = max(versions, key=lambda path: int(path.name))
    return {"in the registry": newest / "assets.extra" / "baseline"}


def compared(home: Path) -> dict[str, Any]:
    said = json.loads((home / "runs.json").read_text())
    runs = {
        runner: Run(run["seconds"], {name: Node(**node) for name, node in run["nodes"].items()}) for runner, run in said["runs"].items()
    }
    nodes = {}
    for name in runs["local"].nodes:
        outputs = {}
        for runner, run in runs.items():
            paths = {key: Path(path) for key, path in run.nodes[name].outputs.items()}
            outputs[runner] = digests({**paths, **(published(home, runner) if name == "PublishBaseline" else {})})
        whole = {runner: digest(found) for runner, found in outputs.items()}
        seconds = {runner: run.nodes[name].seconds for runner, run in runs.items()}
        nodes[name] = {"seconds": seconds, "digests": whole, "outputs": outputs, "equal": len(set(whole.values())) == 1}
    return {
        "photos": said["photos"],
        "python": said["python"],
        "seconds": {runner: run.seconds for runner, run in runs.items()},
        "nodes": nodes,
        "equal": all(node["equal"] for node in nodes.values()),
    }


def markdown(value: Mapping[str, Any]) -> str:
    runners = list(value["seconds"])
    heads = " | ".join(f"{NAMES[runner]}, s" for runner in runners)
    lines = [f"| node | {heads} | digest of the outputs |", f"|---|{'---|' * len(runners)}---|"]
    for name, node in value["nodes"].items():
        seconds = " | ".join(f"{node['seconds'][runner]:.1f}" for runner in runners)
        differing = ", ".join(f"{NAMES[runner]} `{node['digests'][runner]}`" for runner in runners)
        lines.append(f"| {name} | {seconds} | {'`' + node['digests']['local'] + '`, equal' if node['equal'] else differing} |")
    whole = " | ".join(f"{value['seconds'][runner]:.0f}" for runner in runners)
    equal = sum(node["equal"] for node in value["nodes"].values())
    return "\n".join([*lines, f"| whole run | {whole} | {equal} of {len(value['nodes'])} equal |", ""])


if __name__ == "__main__":
    sys.exit(main())
