"""deploy/desk/ fits the program: its options, its routes, its times; and has the rights of the files beside it, and no more."""

from __future__ import annotations

import ipaddress
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from flowers_tfx.cli.program import flowers
from flowers_tfx.desk.access import Access, check_public_url
from flowers_tfx.desk.app import create_app
from flowers_tfx.desk.decision_routes import Desk
from flowers_tfx.desk.reviewers import proxy_names
from flowers_tfx.desk.routes import HEALTH
from flowers_tfx.desk.server import SECONDS_TO_END
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
UNIT, MONITOR = ((DEPLOY / name).read_text(encoding="utf-8") for name in ("desk/flowers-desk.service", "monitor/flowers-monitor.service"))
COMPOSE = yaml.safe_load((DEPLOY / "desk/compose.yaml").read_text(encoding="utf-8"))["services"]
OBJECTS = {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "desk/kubernetes.yaml").read_text(encoding="utf-8"))}
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
START = next(line.removeprefix("ExecStart=") for line in UNIT.splitlines() if line.startswith("ExecStart="))


def desk_options(arguments: list[str]) -> dict[str, Any]:
    assert arguments[0] == "desk"
    return dict(flowers.commands["desk"].make_context("desk", arguments[1:]).params)


def desk_of(arguments: list[str]) -> dict[str, Any]:
    options = desk_options(arguments)
    check_public_url(options["public_url"])
    assert options["public_url"].startswith("https://")
    assert len(options["config_paths"]) == 1
    return options


def test_the_program_takes_the_arguments_and_nobody_decides_without_a_name() -> None:
    of_unit, of_pod = desk_of(shlex.split(START)[1:]), desk_of(POD["containers"][0]["args"])
    of_compose = desk_of([word.replace("${DESK_URL:?the address that people see}", "https://desk") for word in COMPOSE["desk"]["command"]])
    assert of_unit["host"] == "127.0.0.1" and of_unit["token_file"]
    assert of_pod["host"] == of_compose["host"] == "0.0.0.0"
    assert of_pod["token_file"] and of_compose["proxy_header"]
    mounts = {path.rpartition("}:")[2] for path in COMPOSE["desk"]["volumes"]}
    assert mounts == {f"{of_compose['config_paths'][0]}:ro", "/data"}
    read_only = [mount["mountPath"] for mount in POD["containers"][0]["volumeMounts"] if mount.get("readOnly")]
    assert [str(of_pod["config_paths"][0].parent), str(of_pod["token_file"].parent)] == read_only


def test_the_desk_believes_the_proxy_of_its_compose_file_alone() -> None:
    options = desk_options(COMPOSE["desk"]["command"])
    names = proxy_names(options["proxy_header"], options["proxies"])
    addresses = {name: service["networks"]["desk"]["ipv4_address"] for name, service in COMPOSE.items()}
    assert [name for name, address in addresses.items() if names.trusts(address)] == ["proxy"]
    network = yaml.safe_load((DEPLOY / "desk/compose.yaml").read_text())["networks"]["desk"]["ipam"]["config"][0]["subnet"]
    assert all(ipaddress.ip_address(address) in ipaddress.ip_network(network) for address in addresses.values())
    assert "ports" not in COMPOSE["desk"], "people come through the proxy"
    assert f"--upstream=http://desk:{options['port']}" in COMPOSE["proxy"]["command"]


def test_the_unit_has_the_rights_of_the_monitor_and_the_token_file_is_handed_to_it_alone() -> None:
    words = ("Protect", "Private", "Restrict", "SystemCall", "Capability", "NoNew", "User", "Group", "UMask")
    rights = [line for line in MONITOR.splitlines() if line.startswith(words)]
    assert set(rights) == {line for line in UNIT.splitlines() if line.startswith(words)}
    name = str(desk_options(shlex.split(START)[1:])["token_file"]).removeprefix("${CREDENTIALS_DIRECTORY}/")
    assert any(line.startswith(f"LoadCredential={name}:") for line in UNIT.splitlines())


def test_the_container_may_write_to_tmp_and_the_data_alone() -> None:
    [container] = POD["containers"]
    rights = POD["securityContext"] | container["securityContext"]
    assert (rights["runAsNonRoot"], rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, True, False)
    assert (rights["capabilities"], rights["seccompProfile"]) == ({"drop": ["ALL"]}, {"type": "RuntimeDefault"})
    assert [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")] == ["/tmp", "/data"]
    assert {"cpu", "memory"} <= set(container["resources"]["requests"]) & set(container["resources"]["limits"])
    for service in COMPOSE.values():
        assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])


def test_probes_need_no_name_and_objects_name_each_other_right(tmp_path: Path) -> None:
    [container] = POD["containers"]
    probes = {container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
    assert probes == {HEALTH}
    app: Any = create_app(Desk({}, Access(None, proxy_names("X-User", ["10.0.0.1"]))))
    client = TestClient(app, base_url="http://10.1.2.3:8502", client=("10.9.9.9", 5))
    assert (client.get(HEALTH).status_code, client.get("/").status_code) == (200, 403)
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert OBJECTS["Deployment"]["spec"]["selector"]["matchLabels"] == OBJECTS["Service"]["spec"]["selector"] == labels
    assert OBJECTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert POD["serviceAccountName"] == OBJECTS["ServiceAccount"]["metadata"]["name"]
    assert container["ports"][0]["containerPort"] == desk_options(container["args"])["port"]


def test_open_requests_have_time_to_end() -> None:
    waits = int(POD["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert POD["terminationGracePeriodSeconds"] > waits + SECONDS_TO_END
    limits = [line.removeprefix("TimeoutStopSec=") for line in UNIT.splitlines() if line.startswith("TimeoutStopSec=")]
    for limit in (*limits, COMPOSE["desk"]["stop_grace_period"]):
        assert int(limit.rstrip("s")) > SECONDS_TO_END


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "flowers-desk.service"

    def problems(text: str) -> str:
        path.write_text(text.replace("/opt/flowers/.venv/bin/flowers", "/bin/true"))
        return subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False).stderr

    assert "flowers-desk" not in problems(UNIT)
    assert "flowers-desk" in problems(UNIT.replace("LoadCredential=", "LoadCredentials="))
