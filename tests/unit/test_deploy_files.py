"""The files of deploy/ fit the program: its options and keys, its routes, its times. Whether they fit Kubernetes' schemas:
tests/e2e/test_deploy_manifests.py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from flowers_tfx.cli.program import flowers
from flowers_tfx.config import ServingConfig, load_config
from flowers_tfx.serving.app import OPEN_PATHS
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
ALIVE, READY = "/v2/health/live", "/v2/health/ready"


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def pod(name: str) -> dict[str, Any]:
    """The pod of our own image."""
    spec = read(name)["spec"]
    return spec["template"]["spec"] if "template" in spec else spec["predictor"]


def dockerfile(instruction: str) -> str:
    text = (ROOT / "Dockerfile.serve").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.removeprefix(instruction).strip() for line in text.splitlines() if line.startswith(f"{instruction} ")][-1]


def serve_options(arguments: list[str]) -> dict[str, Any]:
    """The options of `flowers serve`, as the program reads them."""
    command = flowers.commands[arguments[0]]
    context = command.make_context("serve", arguments[1:])
    assert isinstance(context, click.Context)
    return context.params


@pytest.mark.parametrize(
    "arguments",
    [
        *(pod(name)["containers"][0]["args"] for name in ("kubernetes/deployment.yaml", "kserve/flowers.yaml")),
        json.loads(dockerfile("CMD")),
    ],
    ids=["kubernetes", "kserve", "image"],
)
def test_the_program_takes_the_arguments(arguments: list[str]) -> None:
    options = serve_options(arguments)
    assert (options["host"], options["port"]) == ("0.0.0.0", 8080)
    assert load_config(None, options["overrides"]).registry


@pytest.mark.parametrize("name", ["kubernetes/deployment.yaml", "kserve/flowers.yaml"])
def test_probes_ask_what_needs_no_token(name: str) -> None:
    container = pod(name)["containers"][0]
    port = container["ports"][0]
    paths = {probe: container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
    assert paths["readinessProbe"] == READY
    assert paths["livenessProbe"] == ALIVE
    assert set(paths.values()) <= OPEN_PATHS
    assert {container[probe]["httpGet"]["port"] for probe in paths} <= {port["name"], port["containerPort"]}


@pytest.mark.parametrize("name", ["kubernetes/deployment.yaml", "kserve/flowers.yaml"])
def test_the_container_may_write_to_tmp_alone_and_has_no_rights(name: str) -> None:
    container = pod(name)["containers"][0]
    rights = pod(name).get("securityContext", {}) | container["securityContext"]
    assert (rights["runAsNonRoot"], rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, True, False)
    assert (rights["capabilities"], rights["seccompProfile"]) == ({"drop": ["ALL"]}, {"type": "RuntimeDefault"})
    assert [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")] == ["/tmp"]
    assert {"cpu", "memory"} <= set(container["resources"]["requests"]) & set(container["resources"]["limits"])


def test_open_requests_have_time_to_end() -> None:
    spec = pod("kubernetes/deployment.yaml")
    waits = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert spec["terminationGracePeriodSeconds"] > waits + ServingConfig().drain_s
    assert int(read("compose.yaml")["services"]["flowers"]["stop_grace_period"].rstrip("s")) > ServingConfig().drain_s


def test_threads_are_as_many_as_the_limit_has_processors() -> None:
    for name in ("kubernetes/deployment.yaml", "kserve/flowers.yaml"):
        container = pod(name)["containers"][0]
        threads = load_config(None, serve_options(container["args"])["overrides"]).serving.threads
        assert threads == int(container["resources"]["limits"]["cpu"]), name


def test_objects_of_kubernetes_name_each_other_right() -> None:
    objects = {value["kind"]: value for value in map(read, sorted(f"kubernetes/{path.name}" for path in (DEPLOY / "kubernetes").iterdir()))}
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert objects["Service"]["spec"]["selector"] == labels
    for kind, key in {"Deployment": "selector", "PodDisruptionBudget": "selector", "NetworkPolicy": "podSelector"}.items():
        assert objects[kind]["spec"][key]["matchLabels"] == labels
    assert objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == objects["Deployment"]["metadata"]["name"]
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"]
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in spec["volumes"] if "persistentVolumeClaim" in volume]
    assert claims == [objects["PersistentVolumeClaim"]["metadata"]["name"]]
    assert read("kserve/tensorflow-serving.yaml")["spec"]["predictor"]["model"]["storageUri"] == f"pvc://{claims[0]}"


def test_prometheus_asks_the_services_of_the_compose_file() -> None:
    services = read("compose.yaml")["services"]
    jobs = read("prometheus.yaml")["scrape_configs"]
    for target in (target for job in jobs for config in job["static_configs"] for target in config["targets"]):
        name, _, port = target.partition(":")
        assert services[name]["ports"][0].endswith(f":{port}")


def test_the_files_that_compose_mounts_are_there_and_registries_are_read_only() -> None:
    services = read("compose.yaml")["services"]
    mounts = [volume.rpartition("}")[2].split(":") for service in services.values() for volume in service["volumes"]]
    assert all((DEPLOY / mount[0]).is_file() for mount in mounts if mount[0].startswith("./"))
    registries = [volume for service in services.values() for volume in service["volumes"] if "REGISTRY" in volume]
    assert len(registries) == 2
    assert all(volume.endswith(":ro") for volume in registries)


def test_the_healthcheck_asks_the_port_that_is_served() -> None:
    port = dockerfile("EXPOSE")
    assert f"http://127.0.0.1:{port}{READY}" in dockerfile("HEALTHCHECK")
    assert serve_options(json.loads(dockerfile("CMD")))["port"] == int(port)
    assert re.fullmatch(r"[1-9]\d*:\d+", dockerfile("USER"))  # Kubernetes cannot tell whether a name is root's
    assert Path(dockerfile("WORKDIR")) == Path("/tmp")
