"""Executors of steps: one fails half-way, and one writes every kind of output."""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from flowers_tfx.components.evaluator import ClassificationMetrics, ScalarMetrics

# The module of an executor imports the types of its outputs: the entrypoint finds them by that.
OUTPUT_TYPES = (ClassificationMetrics, ScalarMetrics)


class Failing(base_executor.BaseExecutor):
    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, Any], exec_properties: dict[str, Any]) -> None:
        home = Path(artifact_utils.get_single_uri(output_dict["report"]))
        (home / "half").write_text("half")
        raise ValueError("a bug")


class Reporting(base_executor.BaseExecutor):
    """Writes every kind of output, finds nothing of a former attempt, and would crash at exit."""

    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, Any], exec_properties: dict[str, Any]) -> None:
        atexit.register(os.abort)
        assert exec_properties == {"how": "well", "times": 3}
        assert isinstance(exec_properties["times"], int)
        model = artifact_utils.get_single_instance(input_dict["model"])
        assert (type(model).__name__, model.get_int_custom_property("pushed"), model.get_string_custom_property("version")) == (
            "Model",
            1,
            "17",
        )
        assert Path(model.uri, "weights").read_text() == "w"
        for name, file in (("report", "report.html"), ("summary", "report.md")):
            home = Path(artifact_utils.get_single_uri(output_dict[name]))
            assert not list(home.iterdir())
            (home / file).write_text("page")
        artifact_utils.get_single_instance(output_dict["answer"]).value = "spoken"
        artifact_utils.get_single_instance(output_dict["metrics"]).set_float_custom_property("accuracy", 0.5)
        matrix = {"annotationSpecs": [{"displayName": "daisy"}], "rows": [{"row": [3.0]}]}
        artifact_utils.get_single_instance(output_dict["classification"]).set_json_value_custom_property("confusionMatrix", matrix)
