"""The files of deploy/trigger fit the program and each other."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from flowers_tfx.config import load_config
from flowers_tfx.deliveries.cloud_trigger import CloudTrigger
from tests.conftest import ROOT
from tests.unit.buckets import FakeStore

TRIGGER = ROOT / "deploy" / "trigger"


def knative() -> dict[str, dict[str, Any]]:
    return {value["kind"]: value for value in yaml.safe_load_all((TRIGGER / "knative.yaml").read_text(encoding="utf-8"))}


def test_the_example_is_a_configuration_of_a_trigger(store: FakeStore) -> None:
    config = load_config(TRIGGER / "config.yaml")
    assert CloudTrigger(config).source.uri == "s3://flowers/deliveries"
    assert store.objects == {}


def test_knative_sends_events_and_the_clock_to_the_service() -> None:
    objects = knative()
    name = objects["Service"]["metadata"]["name"]
    for kind, sink in (("Trigger", objects["Trigger"]["spec"]["subscriber"]), ("PingSource", objects["PingSource"]["spec"]["sink"])):
        assert sink["ref"] == {"apiVersion": objects["Service"]["apiVersion"], "kind": "Service", "name": name}, kind
    assert objects["PingSource"]["spec"]["sink"]["uri"] == "/cron"
    assert objects["PingSource"]["spec"]["data"] == "{}"


def test_a_request_ends_before_its_delivery_is_taken_over() -> None:
    limit_s = load_config(TRIGGER / "config.yaml").trigger.claim_s
    assert knative()["Service"]["spec"]["template"]["spec"]["timeoutSeconds"] < limit_s
    assert "--timeout 240 " in (ROOT / "docs" / "triggers.md").read_text(encoding="utf-8")
    assert limit_s > 240


def test_the_container_may_write_to_tmp_alone_and_has_no_rights() -> None:
    container = knative()["Service"]["spec"]["template"]["spec"]["containers"][0]
    rights = container["securityContext"]
    assert (rights["runAsNonRoot"], rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, True, False)
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]


def test_the_staged_folder_has_what_the_function_needs_and_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("name: x\n")
    (tmp_path / "p.yaml").write_text("root: {}\n")
    command = [str(TRIGGER / "stage.sh"), "out", "c.yaml", "p.yaml"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout == b"out\n"
    staged = tmp_path / "out"
    assert {path.name for path in staged.iterdir()} == {
        "Dockerfile",
        "config.yaml",
        "flowers.yaml",
        "flowers_tfx",
        "main.py",
        "requirements.txt",
    }
    assert (staged / "config.yaml").read_text() == "name: x\n"
    assert not list(staged.rglob("__pycache__"))
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert (again.returncode, again.stderr) == (2, b"out exists: name another folder.\n")
    missing = subprocess.run([*command[:1], "new", "c.yaml", "none.yaml"], cwd=tmp_path, capture_output=True, check=False)
    assert (missing.returncode, missing.stderr) == (2, b"none.yaml is not a file.\n")
    assert not (tmp_path / "new").exists()
