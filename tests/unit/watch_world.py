"""A world for watchers with a clock of its own; ingest and run are doubles that survive a watcher, as processes do."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowers_tfx.config import WatchConfig
from flowers_tfx.data import spans
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.delivery import read_chunk, read_line, survey
from flowers_tfx.data.uris import folder as folder_of
from flowers_tfx.deliveries.inbox import Inbox
from flowers_tfx.deliveries.ingest_step import IngestStep
from flowers_tfx.deliveries.jobs import Job, JobResult
from flowers_tfx.deliveries.run_step import RunStep
from flowers_tfx.deliveries.runs import RunOutcome
from flowers_tfx.deliveries.session import Session
from flowers_tfx.deliveries.sources import open_source
from flowers_tfx.deliveries.watch_state import StateFolder
from flowers_tfx.deliveries.watcher import Watcher
from flowers_tfx.review.decisions import decide, is_rejected
from flowers_tfx.storage import storage_path

BROKEN, DRIFTED = b"broken", b"drifted"
LABELS = ("daisy", "roses")


class Killed(BaseException):
    """The watcher is killed here; what it started goes on."""


class NoLock:
    def renew_or_fail(self) -> None:
        pass


class World:
    """`errors`: what the next ingests end with; `outcomes`: what the next runs end with, instead of what follows from the spans. `windows`:
    the photos of each run that was really started."""

    def __init__(self, inbox: str, data_root: str, rejects_folder: Path, **settings: Any) -> None:
        values = {"quiet_s": 60, "longest_wait_s": 600, "stable_s": 5, "poll_s": 10, "retries": 2, "retry_s": 30, **settings}
        self.settings = WatchConfig(**values)
        self.rejects_folder = rejects_folder
        self.inbox, self.data_root, self.now = inbox, data_root, 1_000_000.0
        self.events: list[dict[str, Any]] = []
        self.errors: list[JobResult] = []
        self.outcomes: list[RunOutcome] = []
        self.jobs: dict[str, JobResult] = {}
        self.runs: dict[str, RunOutcome] = {}
        self.windows: list[list[int]] = []
        self.run_is_free, self.run_takes_s, self.ends = True, 100.0, dict[str, float]()
        self.writes_left: int | None = None
        self.once, self.approvals = False, 1
        self.start()

    def start(self) -> None:
        """A new watcher, as after a kill."""
        folder = _DyingFolder(self)
        self.session = Session(self.settings, folder, folder.load(), NoLock(), self.events.append, self.once)
        inbox = Inbox(open_source(self.inbox), self.session)
        ingest = IngestStep(self.session, inbox, self.data_root, [], lambda name: _IngestJob(self, name))
        self.watcher = Watcher(self.session, inbox, ingest, RunStep(self.session, _Runs(self), self.data_root, self.approvals))

    def put(self, *names: str, data: bytes | None = None) -> None:
        """Files of the inbox, each with its own content."""
        for name in names:
            path = storage_path(self.inbox) / name
            if isinstance(path, Path):
                path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode() if data is None else data + name.encode())

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            wait_s = self.watcher.tick(self.now)
            if self.now + wait_s > end:
                self.now = end
                return
            self.now += wait_s

    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    def photos(self) -> dict[int, list[str]]:
        """The URIs in each span, without their folders."""
        return {span.number: [Path(uri).name for uri in span.manifest["uris"]] for span in spans.list_spans(self.data_root)}

    def decide(self, action: Any, span: int) -> None:
        decide(self.data_root, action, span, ("property:luma",) if action == "accept" else (), "I looked", "Ada")

    def finish(self, seconds: float = 3000) -> None:
        """Goes on to the end, with a new watcher after each kill."""
        end = self.now + seconds
        while self.now < end:
            try:
                self.pass_time(end - self.now)
            except Killed:
                self.writes_left = None
                self.now += 1
                self.start()


class _DyingFolder(StateFolder):
    """A kill before or after a write of the state."""

    def __init__(self, world: World) -> None:
        super().__init__(world.data_root)
        self._world = world

    def _write_text(self, name: str, text: str) -> Any:
        self._count()
        path = super()._write_text(name, text)
        self._count()
        return path

    def _count(self) -> None:
        if self._world.writes_left is not None:
            if self._world.writes_left == 0:
                raise Killed
            self._world.writes_left -= 1


class _IngestJob(Job):
    def __init__(self, world: World, name: str) -> None:
        super().__init__(Path(world.data_root) if "://" not in world.data_root else Path("/nonexistent"), name)
        self._world = world

    def start(self, arguments: Sequence[str]) -> None:
        options = dict(zip(arguments[1::2], arguments[2::2], strict=False))
        assert arguments[0] == "ingest"
        self._world.jobs[self.name] = self._world.errors.pop(0) if self._world.errors else self._ingest(options)

    def is_alive(self) -> bool:
        return False

    def result(self) -> JobResult | None:
        return self._world.jobs.get(self.name)

    def remove_files(self) -> None:
        self._world.jobs.pop(self.name, None)
        with contextlib.suppress(OSError):
            super().remove_files()

    @property
    def rejects_path(self) -> Path:
        return self._world.rejects_folder / f"{self.name}.rejects"

    def _ingest(self, options: dict[str, str]) -> JobResult:
        csv, root = options["--csv"], self._world.data_root
        chunks = survey(csv).chunks
        lines = [read_line(n, raw, folder_of(csv), LABELS) for chunk in chunks for n, raw in read_chunk(csv, chunk)]
        known = {digest for span in spans.list_spans(root) for digest in span.manifest["contents"]}
        new: dict[str, str] = {}
        rejects: list[dict[str, Any]] = []
        for line in lines:
            digest = line.digest.hex()
            reason = line.reason or ("not a picture" if _content(line.path).startswith(BROKEN) else "")
            if reason:
                rejects.append({"uri": line.uri, "label": line.label, "line": line.number, "reason": reason, "digest": digest})
            elif digest not in known:
                new.setdefault(digest, line.uri)
        self.rejects_path.write_text("".join(json.dumps(reject) + "\n" for reject in rejects))
        if len(rejects) == len(lines):
            return JobResult(2, {"error": f"All {len(lines)} lines had to be rejected", "hint": ""})
        counts = {"examples": len(new), "known": len(lines) - len(new) - len(rejects), "duplicates": 0, "rejected": len(rejects)}
        number = spans.next_number(spans.list_spans(root)) if new else None
        if number:
            drifted = any(_content(uri.encode()).startswith(DRIFTED) for uri in new.values())
            manifest = {
                "span": number,
                "format_version": 1,
                "ingest_id": options["--id"],
                "contents": list(new),
                "uris": list(new.values()),
            }
            manifest |= {"digest": hashlib.sha256("".join(sorted(new)).encode()).hexdigest(), "drifted": drifted, "labels": [], **counts}
            home = spans.span_dir(root, number)
            if isinstance(home, Path):
                home.mkdir(parents=True)
            (home / spans.REJECTS).write_bytes(self.rejects_path.read_bytes())
            (home / spans.MANIFEST).write_bytes(json.dumps(manifest).encode())
        return JobResult(0, {"span": number, **counts})


def _content(path: bytes) -> bytes:
    return storage_path(path.decode()).read_bytes()


class _Runs:
    """A run takes 100 s. It is blocked by a drifted span that nobody decided on; it pushes a version for each new window."""

    def __init__(self, world: World) -> None:
        self._world = world

    def is_free(self) -> bool:
        return self._world.run_is_free

    def start(self, reference: str) -> None:
        world = self._world
        assert reference not in world.ends
        world.ends[reference] = world.now + world.run_takes_s
        decisions = read_decisions(world.data_root)
        window = [span for span in spans.list_spans(world.data_root) if not is_rejected(decisions, span)]
        accepted = {decision.span for decision in decisions if decision.action == "accept"}
        blocked = any(span.manifest["drifted"] and span.number not in accepted for span in window)
        world.windows.append([span.number for span in window])
        version = f"/registry/{1000 + sum(span.number for span in window)}"
        outcome = (
            RunOutcome("blocked", 3, reference, error="drift")  # type: ignore[arg-type]
            if blocked
            else RunOutcome("succeeded", 0, reference, True, version)  # type: ignore[arg-type]
        )
        world.runs[reference] = world.outcomes.pop(0) if world.outcomes else outcome

    def attach(self, reference: str) -> bool:
        return reference in self._world.ends

    def poll(self, reference: str) -> RunOutcome | None:
        return self._world.runs[reference] if self._world.now >= self._world.ends[reference] else None

    def forget(self, reference: str) -> None:
        assert self._world.ends.pop(reference)

    def stop(self) -> None:
        pass


def assert_each_photo_once(world: World, names: Sequence[str], broken: Sequence[str]) -> None:
    """In exactly one span, or set aside."""
    in_spans = Counter(name for photos in world.photos().values() for name in photos)
    assert in_spans == Counter(names)
    home = world.session.folder.path / "set_aside"
    records = [json.loads(path.read_text()) for path in home.iterdir() if path.name.endswith(".json")] if broken else []
    aside = Counter(Path(file["uri"]).name for record in records for file in record["files"] if file["reason"])
    assert aside == Counter(broken)
