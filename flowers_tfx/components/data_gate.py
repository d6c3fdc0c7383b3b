"""DataGate: stops the run before Transform if the verdict of the data review is `blocked`.

It is a node of its own because a step that fails on Kubeflow uploads its log and nothing else: the report belongs to a step that succeeds.
The verdict is a parameter, so that its content is in every cache key; a node that fails is never a cache hit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from flowers_tfx.components.artifacts import MarkdownReport
from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnComponent
from flowers_tfx.errors import Blocked


@dataclass(frozen=True)
class DataGateParameters:
    """`verdict`: what DataReview outputs, {verdict, message, page, commands} as JSON."""

    verdict: str


class DataGateExecutor(OwnExecutor[DataGateParameters]):
    def work(self) -> None:
        """Raises Blocked if reviewers must decide."""
        review = json.loads(self.parameters.verdict)
        if review["verdict"] == "blocked":
            raise Blocked(review["message"], review["page"], review["commands"], _markdown(self.input_folder("summary")))


class DataGate(OwnComponent):
    INPUTS = {"summary": MarkdownReport}
    EXECUTOR = DataGateExecutor


def _markdown(summary: Path) -> str:
    """The text of `summary`: a folder with one file, or on Kubeflow the file itself."""
    path = summary / "report.md" if summary.is_dir() else summary
    return path.read_text(encoding="utf-8")
