"""deploy/monitor/ fits the program, and has the rights of the watcher's unit and no more."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml

from flowers_tfx.cli.program import flowers
from flowers_tfx.config import load_config
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
UNIT, WATCHER = ((DEPLOY / name).read_text(encoding="utf-8") for name in ("monitor/flowers-monitor.service", "watch/flowers-watch.service"))


def monitor_options(arguments: list[str]) -> dict[str, Any]:
    assert arguments[0] == "monitor"
    return dict(flowers.commands["monitor"].make_context("monitor", arguments[1:]).params)


def test_the_program_takes_the_arguments() -> None:
    start = next(line.removeprefix("ExecStart=") for line in UNIT.splitlines() if line.startswith("ExecStart="))
    service = yaml.safe_load((DEPLOY / "monitor/compose.yaml").read_text(encoding="utf-8"))["services"]["monitor"]
    for options in (monitor_options(shlex.split(start)[1:]), monitor_options(service["command"])):
        assert options["watch"] and options["config_path"] is not None
    mounts = {path.rpartition("}:")[2] for path in service["volumes"]}
    assert mounts == {f"{monitor_options(service['command'])['config_path']}:ro", "/registry:ro", "/records"}


def test_the_unit_has_the_rights_of_the_watcher() -> None:
    words = ("Protect", "Private", "Restrict", "SystemCall", "Capability", "NoNew", "User", "Group", "UMask")
    rights = [line for line in WATCHER.splitlines() if line.startswith(words)]
    assert len(rights) > 12
    assert set(rights) == {line for line in UNIT.splitlines() if line.startswith(words)}


def test_the_pod_reviews_what_the_patched_service_records(tmp_path: Path) -> None:
    """As deploy/kubernetes/ and deploy/monitor/ are applied: same volumes, same user, and the settings are in the configuration map."""
    claim, settings, deployment = yaml.safe_load_all((DEPLOY / "monitor/kubernetes.yaml").read_text(encoding="utf-8"))
    service = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text(encoding="utf-8"))
    for step in yaml.safe_load((DEPLOY / "monitor/record.yaml").read_text(encoding="utf-8")):
        *path, last = step["path"].split("/")[1:]
        assert (step["op"], last) == ("add", "-")
        place: Any = service
        for name in path:
            place = place[int(name) if name.isdecimal() else name]
        place.append(step["value"])
    pod, records = deployment["spec"]["template"]["spec"], service["spec"]["template"]["spec"]
    assert claims(pod) == claims(records) | {"/records": claim["metadata"]["name"]}
    assert pod["securityContext"] == records["securityContext"]
    assert pod["containers"][0]["securityContext"] == records["containers"][0]["securityContext"]
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})

    options = monitor_options(pod["containers"][0]["args"])
    config_path = Path(options["config_path"])
    assert (
        options["watch"] and next(one for one in pod["volumes"] if "configMap" in one)["configMap"]["name"] == settings["metadata"]["name"]
    )
    (tmp_path / config_path.name).write_text(settings["data"][config_path.name])
    config = load_config(tmp_path / config_path.name)
    overrides = flowers.commands["serve"].make_context("serve", records["containers"][0]["args"][1:]).params["overrides"]
    served = load_config(None, overrides)
    assert (config.registry, config.serving.record_dir) == (served.registry, served.serving.record_dir) == ("/registry", "/records")


def claims(pod: dict[str, Any]) -> dict[str, str]:
    """Of the pod's container: path to the name of the claim."""
    names = {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"] if "persistentVolumeClaim" in one}
    return {one["mountPath"]: names[one["name"]] for one in pod["containers"][0]["volumeMounts"] if one["name"] in names}
