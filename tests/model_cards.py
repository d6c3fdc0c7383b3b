"""What nodes record for a model card: an evaluation, the data, a model's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flowers_tfx.reports.evaluation import BaselineScore, CalibrationBin, ClassScore, Evaluation, Slice, to_json

SPANS = ({"span": 1, "digest": "d1"},)
DATA: dict[str, Any] = {
    "format": 1,
    "spans": [
        {
            **SPANS[0],
            "created": "2026-01-01T00:00:00+00:00",
            "examples": 50,
            "rejected": 0,
            "duplicates": 0,
            "splits": {"train": 20, "eval": 5, "test": 25},
            "label_counts": {"daisy": 30, "roses": 20},
            "label_counts_by_split": {
                "train": {"daisy": 12, "roses": 8},
                "eval": {"daisy": 3, "roses": 2},
                "test": {"daisy": 15, "roses": 10},
            },
            "verdict": "pass",
            "decisions": [
                {
                    "action": "accept",
                    "span": 1,
                    "digest": "d1",
                    "findings": ["property:mean_luma"],
                    "reason": "taken <at dusk>",
                    "by": "Ada",
                    "when": "2026-01-02T00:00:00+00:00",
                }
            ],
        }
    ],
    "review": {
        "verdict": "pass",
        "compared_with": {"kind": "none", "version": None, "digest": None, "photos": 0},
        "run_id": "r1",
        "findings": [{"id": "property:mean_luma", "level": "error", "message": "darker", "accepted": True}],
    },
}
TRAINING = {
    "chosen_stage": "head",
    "code": "c0de",
    "epochs": 3,
    "eval": {"accuracy": 0.8, "loss": 0.5},
    "labels": ["daisy", "roses"],
    "model": {"alpha": 0.35, "backbone": "MobileNetV2", "image_size": 32, "weights": "/home/ada/photos/net.weights.h5"},
    "stages": {"head": {"accuracy": 0.8, "loss": 0.5}},
    "training": {"seed": 7, "augment": ["flip"]},
    "weights_digest": "3e1",
}


def evaluation(compared: bool = False) -> dict[str, Any]:
    """25 photos of two classes, 20 right; all photos of daisies are recognised, half of the roses."""
    return to_json(
        Evaluation(
            model_version="candidate",
            run_id="r1",
            created="2026-01-03T00:00:00Z",
            blessed=True,
            reasons=(),
            split="test",
            examples=25,
            accuracy=0.8,
            classes=(ClassScore("daisy", 0.75, 1.0, 0.9, 15), ClassScore("roses", 1.0, 0.5, 0.9, 10)),
            confusion=((15, 0), (5, 5)),
            calibration_error=0.1,
            calibration=(CalibrationBin(0.9, 0.8, 25),),
            slices=(Slice("label", "daisy", 15, 1.0), Slice("light_band", "dark", 10, 0.3), Slice("light_band", "bright", 15, 0.9)),
            min_accuracy=0.5,
            max_drop=0.02,
            baseline=BaselineScore("7", 0.76) if compared else None,
            no_baseline="" if compared else "the registry holds no model to compare with",
        )
    )


def model_folder(folder: Path, content: str = "m") -> Path:
    """What stands for an exported model."""
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "variables").mkdir()
    (folder / "saved_model.pb").write_text(content)
    (folder / "variables" / "variables.index").write_text("index")
    (folder / "assets.extra" / "labels.txt").write_text("daisy\nroses\n")
    (folder / "assets.extra" / "training.json").write_text(json.dumps(TRAINING))
    return folder
