"""Trainer: TFX's own, whose run_fn finds its artifacts on this machine, wherever they lie."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components.trainer.executor import GenericExecutor

from flowers_tfx.components.carried import carried


class TrainerExecutor(GenericExecutor):
    @carried
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
        super().Do(input_dict, output_dict, exec_properties)
