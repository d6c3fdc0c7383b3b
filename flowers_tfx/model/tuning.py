"""A search for training settings: the configured ones and those that KerasTuner proposes, each tried on the same photos.

Trials never see a part of `train`. There the best settings are compared with the configured ones; `test` stays Evaluator's.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from flowers_tfx.config.training import ModelConfig, TrainingConfig
from flowers_tfx.config.tuning import HYPERBAND, TuningConfig
from flowers_tfx.errors import ExplainedFailure, InputError, cause_of
from flowers_tfx.model.splits import SplitSource
from flowers_tfx.model.tuning_comparison import compare_held_out
from flowers_tfx.model.tuning_photos import hold_out
from flowers_tfx.model.tuning_search import TrialFailed, search
from flowers_tfx.model.tuning_trials import FineTuneTrials, HeadTrials, Trials
from flowers_tfx.progress import Meter, Progress, listening
from flowers_tfx.reports.tuning import HeldOutComparison, TrialRow, Tuning
from flowers_tfx.storage import atomic_file


@dataclass(frozen=True)
class SearchRequest:
    """What a search depends on besides its photos. `training`: the configured settings, which trials change."""

    labels: tuple[str, ...]
    model: ModelConfig
    training: TrainingConfig
    tuning: TuningConfig


def tune(request: SearchRequest, train_set: SplitSource, eval_set: SplitSource, folder: Path) -> Tuning:
    """Searches, and compares the best settings with the configured ones. Trials that are in `folder` already are not run again.

    Raises InputError for photos that cannot be divided, ExplainedFailure if no trial gave a result.
    """
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    held_out = hold_out(train_set, request.tuning.holdout)
    kind = FineTuneTrials if request.tuning.search == HYPERBAND else HeadTrials
    trials = kind(request.model, len(request.labels), request.training, train_set, eval_set, held_out)
    table = _Table(request, trials, folder)
    # The configured settings come first: KerasTuner's own proposals need not contain them.
    table.try_configured()
    search(request.tuning, request.training.seed, request.training.scratch_epochs, table.judge)
    table.meter(request.tuning.trials + 1, request.tuning.trials + 1)
    best = table.best()
    held = int(held_out.mask.sum())
    return Tuning(
        search=request.tuning.search,
        trials_asked=request.tuning.trials,
        space=request.tuning.plain["space"],
        photos={"search": len(held_out.mask) - held, "eval": eval_set.number, "held_out": held},
        trials=tuple(table.rows),
        best=best.number,
        comparison=_compare(request, trials, best) if best.number else None,
        seconds=time.monotonic() - started,
        resumed=table.resumed,
    )


def _compare(request: SearchRequest, trials: Trials, best: TrialRow) -> HeldOutComparison:
    with listening(_Quiet()):
        scores = [trials.score_held_out(request.training.with_values(values)) for values in (best.values, {})]
    return compare_held_out(*scores)


@dataclass
class _Table:
    """The trials so far."""

    request: SearchRequest
    trials: Trials
    folder: Path
    rows: list[TrialRow] = field(default_factory=list)
    resumed: int = 0

    def __post_init__(self) -> None:
        self.meter = Meter("trials")
        self._known = set(self.folder.iterdir())  # of a run that was interrupted

    def try_configured(self) -> None:
        plain = self.request.training.model_dump(mode="json")
        values = {key: ",".join(plain[key]) or "none" if isinstance(plain[key], list) else plain[key] for key in self.keys}
        self._add(values)

    def judge(self, values: Mapping[str, Any]) -> float:
        row = self._add(values)
        if row.log_loss is None:
            raise TrialFailed(row.error)
        return row.log_loss

    def best(self) -> TrialRow:
        """Of equally good trials the first."""
        finished = [row for row in self.rows if row.log_loss is not None]
        if not finished:
            raise ExplainedFailure(
                f"All {len(self.rows)} trials failed: {self.rows[0].error}", "Change tuning.space or the settings of training."
            )
        return min(finished, key=lambda row: (row.log_loss, row.number))

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.request.tuning.searched_space)

    def _add(self, values: Mapping[str, Any]) -> TrialRow:
        number = len(self.rows)
        self.meter(number, self.request.tuning.trials + 1)
        settings = self.request.training.with_values(values)
        file = self.folder / f"{_digest(settings)}.json"
        if file.is_file():
            row = replace(TrialRow(**json.loads(file.read_text(encoding="utf-8"))), number=number, values=dict(values))
            self.resumed += file in self._known  # a Bayesian search may propose what it tried already
        else:
            row = self._run(number, values, settings)
            if not row.error:
                with atomic_file(file) as unfinished:
                    unfinished.write_text(json.dumps(asdict(row)), encoding="utf-8")
        self.rows.append(row)
        return row

    def _run(self, number: int, values: Mapping[str, Any], settings: TrainingConfig) -> TrialRow:
        started = time.monotonic()
        try:
            with listening(_Quiet()):
                scores, epochs = self.trials.run(settings)
        except Exception as error:
            if isinstance(error, InputError) and not self.rows:
                raise  # the data or the configured settings are at fault
            logging.exception("Trial %s failed.", number)
            return TrialRow(number, dict(values), seconds=time.monotonic() - started, error=cause_of(error))
        seconds = time.monotonic() - started
        return TrialRow(number, dict(values), float(scores.losses.mean()), float(scores.right.mean()), epochs, seconds)


class _Quiet:
    """Hides the progress of the trainings inside trials."""

    def report(self, progress: Progress) -> None:
        pass

    def notify(self, message: str) -> None:
        logging.info(message)


def _digest(settings: TrainingConfig) -> str:
    return hashlib.sha256(json.dumps(settings.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
