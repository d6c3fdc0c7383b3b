"""What a service recorded, and the registry of the versions that answered, drawn from the simple model of `tables`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.tables import Table, write_table
from flowers_tfx.features import DIGEST, EMBEDDING, LABEL, PROPERTY_NAMES
from flowers_tfx.monitoring.monitor import MonitorRequest
from flowers_tfx.monitoring.segments import segment_name
from flowers_tfx.registry import BASELINE_DIR, BASELINE_FILE, CARD_FILE
from flowers_tfx.review.comparison import Comparison
from flowers_tfx.review.sides import Side
from flowers_tfx.validation import Finding, Policy, Review
from tests.unit.recorded_answers import write_open_segment
from tests.unit.tables import LABELS, table

NETWORK = "a network"
# The figures of the version's own test photos: 90 % were right, as sure as it was.
CARD = {
    "metrics": {"classes": [{"name": label} for label in LABELS], "confusion": [[90, 5, 5], [5, 90, 5], [5, 5, 90]]},
    "calibration": {"error": 0.0, "overconfidence": 0.0, "reliability": [{"predicted": 0.9, "observed": 0.9, "count": 300}]},
    "refusal": {"share": 0.05},
}
NOW = datetime(2026, 11, 28, 12, tzinfo=timezone.utc)


@dataclass
class MonitoredService:
    """`settings`: more keys of the section `serving`. `answer` records what a service would have; requests are a second apart, the last one
    just before NOW."""

    home: Path
    settings: dict[str, Any] = field(default_factory=dict)
    answered: int = 0

    @property
    def records(self) -> Path:
        return self.home / "records"

    @property
    def registry(self) -> Path:
        return self.home / "registry"

    @property
    def config(self) -> PipelineConfig:
        value = {"registry": str(self.registry), "serving": {"record_dir": str(self.records), **self.settings}}
        return PipelineConfig.model_validate(value)

    @property
    def options(self) -> list[str]:
        """Of the command line."""
        return ["--set", f"registry={self.registry}", "--set", f"serving.record_dir={self.records}"]

    def request(self, **choice: Any) -> MonitorRequest:
        return MonitorRequest(self.config, Policy(alpha=0.1, permutations=150), **choice)

    def push(self, version: int, photos: int = 200, seed: int = 1) -> None:
        """A version with the sample that it was trained on, without a network."""
        folder = self.registry / str(version)
        sample = folder / BASELINE_DIR / "sample" / "photos.parquet"
        sample.parent.mkdir(parents=True)
        write_table(sample, Table(table(photos, seed), NETWORK, facts={"photos": photos}))
        (folder / BASELINE_DIR / BASELINE_FILE).write_text("{}")
        (folder / "saved_model.pb").touch()
        (folder / "assets.extra/labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
        record = {"digest": "d", "recipe": "r", "spans": [], "created": "", "push_id": ""}
        (folder / "assets.extra/registry.json").write_text(json.dumps(record))
        (folder / CARD_FILE).write_text(json.dumps(CARD))

    def answer(
        self, photos: pd.DataFrame, version: int = 1, client: str | None = None, *, ago: timedelta = timedelta(), **values: Any
    ) -> None:
        """Answers photos of a table of `tables`; `values` go into every row."""
        last = NOW - ago - timedelta(seconds=1)
        rows = []
        for place, (_, photo) in enumerate(photos.iterrows()):
            self.answered += 1
            time = last - timedelta(seconds=len(photos) - 1 - place)
            rows.append(
                {
                    "id": f"{self.answered:032x}",
                    "photo": 0,
                    "time": int(time.timestamp() * 1e6),
                    "version": version,
                    "client": client,
                    "digest": photo[DIGEST],
                    "predicted": photo[LABEL],
                    "probability": 0.9,
                    "probabilities": [0.9, 0.05, 0.05],
                    "known": True,
                    "why": None,
                    "score": 0.5,
                    "measured": True,
                    "measured_share": 1.0,
                    "kept": False,
                    "network": NETWORK,
                    "embedding": np.asarray(photo[EMBEDDING], np.float32),
                    **{name: None if pd.isna(photo[name]) else plain(photo[name]) for name in PROPERTY_NAMES},
                    **values,
                }
            )
        self.records.mkdir(exist_ok=True)
        write_open_segment(self.records, segment_name(rows[0]["time"] // 1000, f"{self.answered:x}"), rows)


def plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def brighter(photos: pd.DataFrame, points: float = 60.0) -> pd.DataFrame:
    channels = ("mean_luma", "mean_red", "mean_green", "mean_blue")
    return photos.assign(**{name: (photos[name] + points).clip(0, 255) for name in channels})


def compare_brightness(old: Side, new: Side, _: Policy, **options: Any) -> Comparison:
    """A review of the mean brightness alone: whether a review is right is no question here."""
    is_brighter = new.rows["mean_luma"].mean() > old.rows["mean_luma"].mean() + 30
    finding = Finding("property:mean_luma", "error", "property", "mean_luma", "Brighter than the photos of the training.")
    scores = {"mean_luma": {"kolmogorov_smirnov": 0.75 if is_brighter else 0.125}}
    facts = {**new.as_new, "photos": len(new.rows)}
    return Comparison(Review((finding,) if is_brighter else (), scores, old.as_baseline, facts), old, new)
