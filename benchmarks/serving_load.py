"""Clients of an HTTP server, in a process of their own: each keeps one connection and sends a photo as soon as it has its last answer.

    python benchmarks/serving_load.py PORT CLIENTS SECONDS PHOTOS_DIR [--requests N] [--pace PER_SECOND]

Prints JSON: requests, failed ones, seconds, their times in ms (p50, p99, largest) and this process' CPU time a request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Tally:
    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("clients", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("photos", type=Path, help="a folder per class")
    parser.add_argument("--number", type=int, default=200, help="different photos, spread over all of them")
    parser.add_argument("--requests", type=int, default=sys.maxsize, help="ends after so many")
    parser.add_argument("--pace", type=float, default=0.0, help="photos a second of each client at most; 0: as fast as it gets answers")
    options = parser.parse_args()
    files = sorted(options.photos.glob("*/*.jpg"))
    requests = [request(file.read_bytes()) for file in files[:: max(1, len(files) // options.number)]]
    print(json.dumps(asyncio.run(load(options.port, options.clients, options.seconds, options.requests, requests, options.pace))))


def request(photo: bytes) -> bytes:
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {len(photo)}\r\n\r\n"
    return head.encode() + photo


async def load(port: int, clients: int, seconds: float, most: int, requests: list[bytes], pace: float = 0.0) -> dict[str, object]:
    tally, cpu, started = Tally(), time.process_time(), time.perf_counter()

    def go_on() -> bool:
        return time.perf_counter() - started < seconds and len(tally.seconds) + len(tally.failed) < most

    async def client(number: int) -> None:
        connection = None
        while go_on():
            begun = time.perf_counter()
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", port)
                status, body = await ask(*connection, requests[(number * 7 + len(tally.seconds)) % len(requests)])
            except (OSError, EOFError) as error:
                status, body, connection = 0, f"{type(error).__name__}: {error}".encode(), None
            if status == 200:
                tally.seconds.append(time.perf_counter() - begun)
                tally.versions.add(str(json.loads(body).get("model_version")))
            else:
                tally.failed.append(f"{status} {body[:200]!r}")
            if pace:
                await asyncio.sleep(max(0.0, begun + 1 / pace - time.perf_counter()))

    await asyncio.gather(*map(client, range(clients)))
    taken = time.perf_counter() - started
    ordered = sorted(tally.seconds) or [float("nan")]
    return {
        "requests": len(tally.seconds),
        "failed": len(tally.failed),
        "failures": sorted(set(tally.failed))[:5],
        "versions": sorted(tally.versions),
        "seconds": taken,
        "per_second": len(tally.seconds) / taken,
        "p50_ms": ordered[len(ordered) // 2] * 1e3,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1e3,
        "largest_ms": ordered[-1] * 1e3,
        "client_cpu_ms": (time.process_time() - cpu) / max(1, len(tally.seconds)) * 1e3,
    }


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> tuple[int, bytes]:
    """Status and body."""
    writer.write(data)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


if __name__ == "__main__":
    main()
