"""Drift in what is served: how many requests until `flowers monitor` finds it, and whether it alarms before.

    python benchmarks/monitor.py [--photos DIR] [--weights FILE] [--home DIR] [--requests 20000] [--drift "brightness:1"] [--every 200]

A model is trained on half of the photos; a real `flowers serve` answers requests with the other half, drawn at random. From the middle on
the photos have drifted (`planted.py`; strength 0 to 2). After every `--every` requests, which stand for an hour, the last `--window`
answers are reviewed, by the review's own rate of false alarms. The service is stopped and started at a quarter, and killed with SIGKILL
under load at two fifths and at four fifths. `--home` keeps model and photos for the next run. Prints JSON.
"""

from __future__ import annotations

from real_photos import ROOT, are_there, photo_options  # isort: split

import argparse
import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from planted import PIXELS, picture

CLIENTS, ALARMS = 8, ("warn", "blocked")
SECONDS_TO_MEASURE = 1.5  # properties are measured after the answers, by a process of low priority


@dataclass
class Service:
    """`flowers serve` as a process, started anew on a free port whenever it is asked to."""

    options: list[str]
    process: subprocess.Popen[str] | None = None
    port: int = 0

    def start(self) -> None:
        command = [sys.executable, "-m", "flowers_tfx", "serve", "--port", "0", "--json", *self.options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        self.port = int(json.loads(self.process.stdout.readline())["url"].rpartition(":")[2])

    def end(self, number: signal.Signals) -> None:
        if self.process:
            self.process.send_signal(number)
            self.process.wait()


@dataclass
class Clients:
    """Threads with a connection each. `answered`: requests that got an answer; `failed`: those that did not and were sent again."""

    service: Service
    answered: int = 0
    failed: int = 0

    def send(self, photos: Sequence[bytes]) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            parts = [(number, photos[number::CLIENTS]) for number in range(CLIENTS)]
            for answered, failed in pool.map(lambda part: self._send(*part), parts):
                self.answered += answered
                self.failed += failed

    def _send(self, number: int, photos: Sequence[bytes]) -> tuple[int, int]:
        answered, failed, waiting = 0, 0, list(photos)
        while waiting:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
                while waiting:
                    connection.request("POST", "/predict", waiting[-1], {"Content-Type": "image/jpeg"})
                    response = connection.getresponse()
                    response.read()
                    assert response.status == 200, response.status
                    waiting.pop()
                    answered += 1
            except (OSError, http.client.HTTPException):
                failed += 1
                time.sleep(0.05)
        return answered, failed


def write_photos(home: Path, photos: Path, kind: str, strength: float) -> list[Path]:
    """All photos, changed and encoded as in the benchmark of the data review."""
    from flowers_tfx.data.pixel_sample import sample_pixels

    folder, files = home / f"{kind}-{strength}".replace(" ", "-"), sorted(photos.glob("*/*.jpg"))
    for file in files:
        target = folder / file.parent.name / file.name
        if not target.exists():
            data = file.read_bytes()
            seed = np.random.default_rng(zlib.crc32(f"{file.parent.name}/{file.name}".encode()))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(picture(data, sample_pixels(data, 10**8).jpeg_quality or 90, kind, strength, seed))
    return [folder / file.parent.name / file.name for file in files]


def train(home: Path, files: Sequence[Path], weights: Path) -> Path:
    """The registry with a model that was trained on these photos."""
    registry = home / "registry"
    if any(registry.glob("*/saved_model.pb")):
        return registry
    (home / "all_data.csv").write_text("".join(f"{file},{file.parent.name}\n" for file in files))
    (home / "labels.txt").write_text("".join(f"{name}\n" for name in sorted({file.parent.name for file in files})))
    settings = {
        "ingest.csv": home / "all_data.csv",
        "labels": home / "labels.txt",
        "model.weights": weights,
        "evaluation.min_accuracy": 0.5,
        "explain.photos": 0,
    }
    roots = {name: home / name.removesuffix("_root") for name in ("data_root", "pipeline_root", "registry")}
    options = [word for key, value in (settings | roots).items() for word in ("--set", f"{key}={value}")]
    subprocess.run([sys.executable, "-m", "flowers_tfx", "run", "--json", *options], cwd=ROOT, check=True, stdout=sys.stderr)
    return registry


def requests(before: Sequence[bytes], after: Sequence[bytes], args: argparse.Namespace) -> Iterator[list[bytes]]:
    """The photos of each hour."""
    chance = random.Random(args.seed)
    for first in range(0, args.requests, args.every):
        photos = after if first >= args.requests // 2 else before
        yield chance.choices(photos, k=args.every)


def disturbance(first: int, args: argparse.Namespace) -> signal.Signals | None:
    """What happens to the service in the middle of the hour that begins with this request."""
    planned = {args.requests // 4: signal.SIGTERM, args.requests * 2 // 5: signal.SIGKILL, args.requests * 4 // 5: signal.SIGKILL}
    return next((number for at, number in planned.items() if first <= at < first + args.every), None)


def serve_hour(clients: Clients, photos: Sequence[bytes], number: signal.Signals | None) -> None:
    if number is None:
        return clients.send(photos)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(clients.send, photos)
        time.sleep(0.2)
        clients.service.end(number)
        clients.service.start()
        sending.result()


def review(request: Any, now: datetime) -> dict[str, Any]:
    from flowers_tfx.errors import InputError
    from flowers_tfx.monitoring.monitor import monitor

    time.sleep(SECONDS_TO_MEASURE)
    cpu = time.process_time()
    try:
        value = monitor(request, now).as_json()
    except InputError as error:  # on a busy machine few photos are measured
        return {"verdict": "none", "reason": error.message, "cpu_s": 0.0}
    alarms = [f"{one['level']} {one['message']}" for one in value["findings"] if one["level"] != "note"]
    return {
        "verdict": value["verdict"],
        "photos": value["new"]["photos"],
        "level": value["sequential"]["level"],
        "unknown": round(value["served"]["unknown"]["value"], 3),
        "accuracy": (value["harm"] or {}).get("accuracy"),
        "alarms": alarms[:5],
        "cpu_s": round(time.process_time() - cpu, 2),
    }


def run(args: argparse.Namespace, home: Path) -> dict[str, Any]:
    from flowers_tfx.config import load_config
    from flowers_tfx.monitoring.monitor import MonitorRequest
    from flowers_tfx.monitoring.records import read_records
    from flowers_tfx.validation import Policy

    kind, _, strength = args.drift.partition(":")
    plain = write_photos(home, args.photos, "plain", 0.0)
    changed = write_photos(home, args.photos, kind, PIXELS[kind].strengths[int(strength or 1)])
    order = random.Random(0).sample(range(len(plain)), len(plain))
    trained, held_out = order[: len(order) // 2], order[len(order) // 2 :]
    registry = train(home, [plain[at] for at in sorted(trained)], args.weights)
    before, after = ([files[at].read_bytes() for at in held_out] for files in (plain, changed))
    with contextlib.ExitStack() as stack:
        records = stack.enter_context(tempfile.TemporaryDirectory(dir=home))
        overrides = [f"registry={registry}", f"serving.record_dir={records}"]
        service = Service([word for setting in overrides for word in ("--set", setting)])
        stack.callback(service.end, signal.SIGKILL)
        service.start()
        clients, looks, found = Clients(service), [], None
        request = MonitorRequest(load_config(None, overrides), Policy(), last=args.window)
        start = datetime.now(timezone.utc)
        for hour, photos in enumerate(requests(before, after, args), 1):
            serve_hour(clients, photos, disturbance((hour - 1) * args.every, args))
            # Once the drift is found, a look now and then is enough.
            if found is None or hour % 10 == 0:
                looks.append({"requests": hour * args.every, **review(request, start + timedelta(hours=hour))})
                print(json.dumps(looks[-1]), file=sys.stderr, flush=True)
                drifted = hour * args.every - args.requests // 2
                found = drifted if found is None and drifted > 0 and looks[-1]["verdict"] in ALARMS else found
        service.end(signal.SIGTERM)
        recorded = read_records(records, embeddings=False)
    early = [look for look in looks if look["requests"] <= args.requests // 2]
    alarms = [look for look in looks if look["verdict"] in ALARMS]
    return {
        "drift": args.drift,
        "requests": clients.answered,
        "sent again": clients.failed,
        "recorded": len(recorded),
        "measured": int(recorded["measured"].sum()),
        "reviews before the drift": sum(look["verdict"] != "none" for look in early),
        "alarms before the drift": sum(look in early for look in alarms),
        "found after requests": found,
        "review that found it": next((look for look in alarms if look not in early), None),
        "cpu_s of a review, median": sorted(look["cpu_s"] for look in looks)[len(looks) // 2],
    }


def main() -> None:
    parser = photo_options(__doc__)
    parser.add_argument("--home", type=Path, help="folder of model and photos; default: a temporary one")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--every", type=int, default=200, help="requests between two reviews: an hour")
    parser.add_argument("--window", type=int, default=400, help="answers that a review looks at")
    parser.add_argument("--drift", default="brightness:1", help=f"KIND:STRENGTH of {', '.join(PIXELS)}")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the service ends with this process
    if not are_there(args.photos, args.weights):
        return
    with tempfile.TemporaryDirectory() as temporary:
        home = (args.home or Path(temporary)).absolute()
        home.mkdir(parents=True, exist_ok=True)
        print(json.dumps(run(args, home)))


if __name__ == "__main__":
    main()
