"""Messages and values between the steps of the compiled package, as `kfp.local` hands them on; the executors themselves are left out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import runners
from tests.e2e.kfp_local import Unavailable, run_package

ROOT = Path(__file__).resolve().parents[2]
# Instead of the executor: writes down what it was given, and says of each value which output it is of.
STEP = """
import json, sys
from pathlib import Path
from flowers_tfx.orchestration.kubeflow import entrypoint
from flowers_tfx.orchestration.kubeflow.executor_input import PAGES

def execute(arguments, beam_arguments):
    message = json.loads(arguments.json_serialized_invocation_args)
    inputs, outputs = message["inputs"], message["outputs"]
    for key, several in inputs.get("artifacts", {}).items():
        assert all(Path(artifact["uri"]).exists() for artifact in several["artifacts"]), key
    answer = {"artifacts": outputs.get("artifacts", {}), "parameterValues": {}}
    for key in outputs.get("parameters", {}):
        answer["parameterValues"][key] = f"value of {key}"
    for key, several in outputs.get("artifacts", {}).items():
        path = Path(several["artifacts"][0]["uri"])
        if not path.exists():  # a value, also one that no step reads; the others have a folder
            path.write_text(f"value of {key}")
            continue
        for page in PAGES.values():
            (path / page).write_text("page")
    home = Path(outputs["outputFile"]).parent
    (home / "given.json").write_text(json.dumps({"run_id": arguments.run_id, "values": inputs.get("parameterValues", {})}))
    Path(outputs["outputFile"]).write_text(json.dumps(answer))

entrypoint._execute = execute
del sys.argv[1:3]  # -m MODULE
entrypoint.main()
"""

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long]


def test_each_step_gets_the_values_and_artifacts_of_those_before_it(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text(STEP)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "step.py"}" "$@"\n')
    python.chmod(0o755)
    places = {name: f"/{name}" for name in ("data_root", "registry", "csv")}
    try:
        steps = run_package(runners.compiled(tmp_path / "kubeflow"), tmp_path, {**places, "span_window": "3"}, python=str(python))
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert len(steps) == 17
    given = {name: json.loads((step.folder / "given.json").read_text()) for name, step in steps.items()}
    values = {name: record["values"] for name, record in given.items()}
    # DataGate has no output, whose address would name the run.
    assert {record["run_id"] for name, record in given.items() if name != "DataGate"} == {steps["Trainer"].folder.parent.name}
    assert (values["IngestImages"]["csv"], values["SelectInputs"]["span_window"]) == ("/csv", "3")
    assert {values[name]["window"] for name in ("ImportExampleGen", "DriftValidator", "DataReview", "Pusher", "PublishBaseline")} == {
        "value of window"
    }
    assert {values[name]["baseline"] for name in ("Baseline", "DriftValidator")} == {"value of baseline"}
    assert values["DataReview"]["decisions"] == "value of decisions"
    assert values["DataGate"]["verdict"] == "value of verdict"
