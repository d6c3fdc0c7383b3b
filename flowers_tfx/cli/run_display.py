"""A run on the screen: nodes as they go, with times and an estimate, and the last table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from flowers_tfx.orchestration.node_events import Event
from flowers_tfx.orchestration.run_report import RunReport
from flowers_tfx.progress import Progress

_STYLES = {"complete": "green", "cached": "cyan", "failed": "bold red", "skipped": "yellow", "started": "bold"}
_NOT_BLESSED = "not blessed: the candidate is not published"


class RunDisplay:
    """A live table on a terminal, plain lines elsewhere. `typical`: each node's seconds in the last run that completed it."""

    def __init__(self, screen: TextIO, typical: Mapping[str, float]) -> None:
        self._console = Console(file=screen)
        self._typical = typical
        self._states: dict[str, str] = {}
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._progress: Progress | None = None
        # What libraries print belongs into the log, not into the display.
        self._live = Live(
            get_renderable=self._table,
            console=self._console,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> RunDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def watch(self, node_id: str, event: Event) -> None:
        self._states[node_id] = event
        if event == "started":
            self._began[node_id], self._progress = time.monotonic(), None
        elif event != "planned":
            self._took[node_id] = time.monotonic() - self._began[node_id]
        if not self._console.is_terminal and event != "planned":
            place = f"{list(self._states).index(node_id) + 1}/{len(self._states)}"
            took = f" {self._took[node_id]:.1f} s" if event != "started" else self._usual(node_id)
            self._console.print(f"{place} {node_id} {event}{took}", markup=False, highlight=False)

    def report(self, progress: Progress) -> None:
        self._progress = progress

    def notify(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False)

    def _usual(self, node_id: str) -> str:
        return f" (took {self._typical[node_id]:.0f} s last time)" if node_id in self._typical else ""

    def _table(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        running: RenderableType = Text("")
        for node_id, state in self._states.items():
            if state == "started":
                elapsed = time.monotonic() - self._began[node_id]
                table.add_row(Spinner("dots"), Text(node_id, "bold"), f"{elapsed:.0f} s{self._usual(node_id)}", self._step())
            elif state != "planned":
                table.add_row("", node_id, f"{self._took[node_id]:.1f} s", Text(state, _STYLES[state]))
        if self._states:
            done = sum(state in ("complete", "cached") for state in self._states.values())
            left = sum(self._typical.get(n, 0.0) for n, state in self._states.items() if state in ("planned", "started"))
            estimate = f", about {left:.0f} s left if it all runs again" if left else ""
            running = Text(f"{done} of {len(self._states)} nodes done{estimate}", "dim")
        return Group(table, running)

    def _step(self) -> str:
        step = self._progress
        if step is None:
            return ""
        left = f", {step.seconds_left:.0f} s left" if step.seconds_left is not None else ""
        return f"{step.what} {step.done:g}/{step.total:g}{left}"


def report_lines(report: RunReport, log: str) -> Iterator[RenderableType]:
    """The last table, the verdict, and where everything is."""
    table = Table(title=f"Run {report.run_id}", title_justify="left")
    for heading in ("Node", "State"):
        table.add_column(heading)
    table.add_column("Time", justify="right")
    for node_id, node in report.nodes.items():
        table.add_row(node_id, Text(node.state, _STYLES.get(node.state, "")), f"{node.seconds:.1f} s")
    yield table
    if report.outputs_of:
        yield f"The outputs of earlier nodes are those of run {report.outputs_of}."
    for name in ("accuracy", "baseline_accuracy", "calibration_error"):
        value = report.metrics.get(name)
        if value is not None:
            yield f"{name.replace('_', ' ')}: {value:.3f}"
    if report.anomalies:
        yield f"ExampleValidator reported anomalies in {report.anomalies} features."
    if report.error:
        yield Text(report.error, "bold red")
    if report.commands:
        yield f"Read {report.reports['review']}. Then decide, and run again:"
        yield from report.commands  # one per line, to be pasted into a shell
    elif report.error:
        yield report.hint or "The log has the details."
    if report.blessed is not None:
        yield Text("blessed: the candidate may serve", "green") if report.blessed else Text(_NOT_BLESSED, "yellow")
    paths = {"model": report.pushed_model, **{f"report ({name})": path for name, path in report.reports.items()}, "log": log}
    yield from (f"{name}: {path}" for name, path in paths.items() if path)
