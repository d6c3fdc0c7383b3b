"""The service as other people's clients meet it: tritonclient, KServe's client, curl. All answers are those of `flowers predict`."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx.samples.draw import draw_picture
from tests.conftest import ROOT
from tests.e2e.package_environment import environment_programs
from tests.serving_process import ServingProcess, serving_process
from tests.unit.photo_kinds import kinds

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]
CLIENTS = Path(__file__).with_name("serving_clients")
TOLERANCE = 0.005


@dataclass
class Photos:
    """`good`: files that the model answers, with their rows of `flowers predict`; `bad`: files that it refuses."""

    good: dict[Path, dict[str, Any]]
    bad: list[Path]


@dataclass
class Service:
    process: ServingProcess
    grpc: str

    @property
    def url(self) -> str:
        return self.process.url


@pytest.fixture(scope="module")
def service(small_registry: Path) -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving_process(small_registry, "--grpc-port", str(port)) as process:
        yield Service(process, f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Photos of every kind, good and bad: drawn ones, and the difficult real ones where there are any."""
    folder = tmp_path_factory.mktemp("photos")
    for number, kind in enumerate(kinds()):
        (folder / f"{number:03d}.jpg").write_bytes(kind.make())
    for number in range(3):
        (folder / f"drawn-{number}.jpg").write_bytes(draw_picture("tulips", number, 1))
    nasty = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data" / "nasty"
    return [*sorted(folder.iterdir()), *(sorted(nasty.iterdir()) if nasty.is_dir() else [])]


def predict(registry: Path, files: list[Path], engine: str) -> dict[Path, dict[str, Any]]:
    command = [sys.executable, "-m", "flowers_tfx", "predict", *map(str, files), "--model", str(registry), "--engine", engine, "--json"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    rows = json.loads(done.stdout)
    return {Path(row["file"]): row for row in rows}


@pytest.fixture(scope="module")
def photos(small_registry: Path, files: list[Path]) -> Photos:
    rows = predict(small_registry, files, "litert")
    good = {file: row for file, row in rows.items() if "label" in row}
    assert len(good) > 20
    bad = [file for file in files if file not in good]
    assert bad
    return Photos(good, bad)


def check(rows: list[dict[str, Any]], photos: Photos) -> None:
    """Rows of any encoding, each with all photos in their order."""
    expected = list(photos.good.values())
    assert rows
    assert len(rows) % len(expected) == 0
    for place, row in enumerate(rows):
        wanted = expected[place % len(expected)]
        assert (row["label"], row["known"]) == (wanted["label"], wanted["known"]), (row, wanted)
        assert list(row["probabilities"]) == pytest.approx(list(wanted["probabilities"].values()), abs=TOLERANCE)


def run_client(name: str, *arguments: str) -> Any:
    python = environment_programs(ROOT / "requirements" / "clients.txt") / "python"
    done = subprocess.run([python, CLIENTS / name, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_saved_model_answers_like_the_service(small_registry: Path, photos: Photos) -> None:
    rows = list(predict(small_registry, list(photos.good), "savedmodel").values())
    check([{**row, "probabilities": list(row["probabilities"].values())} for row in rows], photos)


def test_triton_http(service: Service, photos: Photos) -> None:
    check(run_client("triton_http.py", service.url, *map(str, photos.good)), photos)


def test_triton_grpc(service: Service, photos: Photos) -> None:
    check(run_client("triton_grpc.py", service.grpc, *map(str, photos.good)), photos)


def test_kserve(service: Service, photos: Photos) -> None:
    check(run_client("kserve_all.py", service.url, service.grpc, *map(str, photos.good)), photos)


def curl(*arguments: str) -> tuple[int, Any]:
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments]
    body, _, code = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.rpartition("\n")
    return int(code), json.loads(body)


def columns(row: dict[str, Any]) -> dict[str, Any]:
    probabilities = row["probabilities"]
    return {**row, "probabilities": list(probabilities.values()) if isinstance(probabilities, dict) else probabilities}


def test_curl(service: Service, photos: Photos, tmp_path: Path) -> None:
    rows = [curl("--data-binary", f"@{file}", f"{service.url}/predict")[1] for file in photos.good]
    check([columns(row) for row in rows], photos)
    forms = [word for file in photos.good for word in ("--form", f"photo=@{file}")]
    check([columns(row) for row in curl(*forms, f"{service.url}/predict")[1]["predictions"]], photos)
    encoded = [base64.b64encode(file.read_bytes()).decode() for file in photos.good]
    body = tmp_path / "body.json"
    for instances in (encoded, [{"b64": text} for text in encoded], [{"image_bytes": {"b64": text}} for text in encoded]):
        body.write_text(json.dumps({"instances": instances}))
        check(curl("--data", f"@{body}", f"{service.url}/v1/models/flowers:predict")[1]["predictions"], photos)
    body.write_text(json.dumps({"inputs": {"image_bytes": encoded}}))
    outputs = curl("--data", f"@{body}", f"{service.url}/v1/models/flowers/versions/{service.process.version}:predict")[1]["outputs"]
    check([{name: values[row] for name, values in outputs.items()} for row in range(len(encoded))], photos)


def test_curl_with_bad_photos(service: Service, photos: Photos, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    for file in photos.bad:
        code, answer = curl("--data-binary", f"@{file}", f"{service.url}/predict")
        assert code in (400, 413, 415), (file, answer)
        assert set(answer) == {"error", "hint"}
        body.write_text(json.dumps({"instances": [base64.b64encode(file.read_bytes()).decode()]}))
        code, answer = curl("--data", f"@{body}", f"{service.url}/v1/models/flowers:predict")
        assert code in (400, 413, 415), (file, answer)
        assert set(answer) == {"error"}
