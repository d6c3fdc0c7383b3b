"""Ingests a delivery: it becomes a span, or is set aside with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from flowers_tfx.data import spans
from flowers_tfx.data.delivery import survey
from flowers_tfx.data.forgotten import forgotten_digests
from flowers_tfx.deliveries.inbox import Inbox, count_reasons
from flowers_tfx.deliveries.jobs import Job, JobResult
from flowers_tfx.deliveries.session import Session
from flowers_tfx.deliveries.watch_state import Delivery, DueRun
from flowers_tfx.errors import InputError
from flowers_tfx.storage import StoragePath

_COUNTS = ("examples", "known", "duplicates", "rejected")


class IngestStep:
    """One delivery at a time. `arguments`: the options of `flowers ingest`; `make_job(name)` makes a job of this name; `exit_code`: of
    the last delivery that failed, 0 without one."""

    def __init__(self, session: Session, inbox: Inbox, data_root: str, arguments: Sequence[str], make_job: Callable[[str], Job]) -> None:
        self._session, self._inbox, self._data_root, self._arguments, self._make_job = session, inbox, data_root, arguments, make_job
        self._delivery: Delivery | None = None
        self._job: Job | None = None
        self.exit_code = 0

    @property
    def is_busy(self) -> bool:
        return self._delivery is not None

    def start(self, delivery: Delivery) -> None:
        """Starts `flowers ingest`, unless the span is there already, made before a kill. Raises InputError while a photo is half forgotten:
        that is not the delivery's fault, so it waits."""
        forgotten_digests(self._data_root)
        if self._span(delivery) is not None:
            self._ingested(delivery, {})
            return
        csv = self._session.folder.csv_uri(delivery)
        if delivery.csv:
            try:
                survey(csv)
            except InputError as error:
                self._set_aside(delivery, error.message, ())
                return
        self._delivery, self._job = delivery, self._make_job(f"ingest-{delivery.id}")
        # The process of a watcher that was killed may still be at work: it is waited for.
        if not self._job.is_alive():
            self._job.remove_files()
            options = ["--csv", csv, "--id", delivery.id, "--rejects", str(self._job.rejects_path.absolute())]
            self._job.start(["ingest", *self._arguments, *options, "--json"])

    def poll(self, now: float) -> None:
        delivery, job = self._delivery, self._job
        if delivery is None or job is None or job.is_alive():
            return
        result = job.result() or JobResult(None, None)
        rejects = list(_read_rejects(job.rejects_path)) if job.rejects_path.is_file() else []
        job.remove_files()
        self._delivery = self._job = None
        if self._span(delivery) is not None or (isinstance(result.value, dict) and "examples" in result.value):
            self._ingested(delivery, result.value or {}, rejects)
        elif rejects:
            self._set_aside(delivery, result.error, rejects)
        else:
            self._failed(delivery, result, now)

    def stop(self) -> None:
        if self._job is not None:
            self._job.stop()

    def _span(self, delivery: Delivery) -> spans.Span | None:
        return next((span for span in spans.list_spans(self._data_root) if span.manifest.get("ingest_id") == delivery.id), None)

    def _ingested(self, delivery: Delivery, counts: Mapping[str, Any], rejects: Sequence[Mapping[str, Any]] = ()) -> None:
        span = self._span(delivery)
        if span is not None:
            counts, rejects = span.manifest, list(_read_rejects(span.path / spans.REJECTS))
        record = self._write_record(delivery, "", rejects, {}) if rejects else None
        self._inbox.close(delivery)
        state = self._session.state
        state.deliveries.remove(delivery)
        if span is not None:
            run = state.run or DueRun()
            # A run that is blocked would be blocked again: it waits for its decision, and then runs on all that came meanwhile.
            state.run = DueRun(run.status if run.status == "blocked" else "due", [*run.deliveries, delivery.id])
        self._session.save()
        numbers = {name: int(counts.get(name, 0)) for name in _COUNTS}
        self._session.emit("span", delivery=delivery.id, span=span.number if span else None, **numbers)
        if record:
            self._emit_set_aside(delivery, rejects, record)
        self._session.folder.remove_deliveries(state)

    def _set_aside(self, delivery: Delivery, reason: str, rejects: Sequence[Mapping[str, Any]]) -> None:
        """The whole delivery. Its files stay where they are."""
        stamps = self._session.folder.stamps(delivery)
        rejects = rejects or [{"uri": name, "label": "", "line": 0, "reason": reason} for name in stamps]
        record = self._write_record(delivery, reason, rejects, stamps)
        self._session.state.deliveries.remove(delivery)
        self.exit_code = self.exit_code or 2
        self._session.save()
        self._emit_set_aside(delivery, rejects, record)
        self._session.folder.remove_deliveries(self._session.state)

    def _failed(self, delivery: Delivery, result: JobResult, now: float) -> None:
        """The delivery may be innocent, a full disk for example: it is tried again, and at last set aside."""
        self.exit_code = result.exit_code or 1
        delivery.attempts += 1
        wait_s = self._session.retry_wait_s(delivery.attempts)
        delivery.not_before = now + (wait_s or 0.0)
        # Behind the others, which it must not keep from their turn.
        self._session.state.deliveries.remove(delivery)
        self._session.state.deliveries.append(delivery)
        self._session.save()
        error = result.error or "The ingest was killed."
        self._session.emit(
            "failed", step="ingest", delivery=delivery.id, error=error, hint=result.hint, attempt=delivery.attempts, retry_in_s=wait_s
        )
        if wait_s is None:
            self._set_aside(delivery, error, ())

    def _write_record(self, delivery: Delivery, reason: str, rejects: Sequence[Mapping[str, Any]], stamps: Mapping[str, str]) -> str:
        files = [{key: reject[key] for key in ("uri", "label", "line", "reason")} for reject in rejects]
        record: dict[str, Any] = {
            "delivery": delivery.id,
            "csv": delivery.csv or None,
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "reason": reason or None,
            "files": files,
        }
        return str(self._session.folder.write_set_aside(delivery.id, {**record, "stamps": stamps} if stamps else record))

    def _emit_set_aside(self, delivery: Delivery, rejects: Sequence[Mapping[str, Any]], record: str) -> None:
        reasons = count_reasons(reject["reason"] for reject in rejects)
        self._session.emit("set_aside", delivery=delivery.id, files=len(rejects), reasons=reasons, record=record)


def _read_rejects(path: StoragePath) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
