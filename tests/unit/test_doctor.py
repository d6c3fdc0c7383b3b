"""`flowers doctor`: each check on machines that are well and on those that are not, and the command where the installation is broken."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowers_tfx.doctor.all_checks import run_checks
from flowers_tfx.doctor.buckets import check_buckets, check_credentials
from flowers_tfx.doctor.check_result import CheckResult, fail, ok, warn, worst
from flowers_tfx.doctor.kubeflow_endpoint import check_kubeflow
from flowers_tfx.doctor.memory import check_memory
from flowers_tfx.doctor.packages import check_packages
from flowers_tfx.doctor.ports import check_port
from flowers_tfx.doctor.python_version import check_python
from flowers_tfx.doctor.roots import check_clock, check_disk, check_permissions
from flowers_tfx.doctor.tensorflow_devices import check_tensorflow
from flowers_tfx.doctor.terminal import check_terminal
from tests.conftest import ROOT
from tests.unit.buckets import FakeStore
from tests.unit.pipelines_server import TOKEN, Cluster, serve_cluster

OLD, NEW = ("glibc", "2.36"), ("glibc", "2.39")


@pytest.mark.parametrize(
    ("version", "libc", "machine", "state", "words"),
    [
        ((3, 10), OLD, "x86_64", "ok", "TFX 1.16"),
        ((3, 13), NEW, "x86_64", "ok", "TFX 1.21"),
        ((3, 12), OLD, "x86_64", "fail", "needs glibc 2.38"),
        ((3, 14), NEW, "x86_64", "fail", "3.14 is not supported"),
        ((3, 9), NEW, "x86_64", "fail", "3.9 is not supported"),
        ((3, 12), ("", ""), "x86_64", "fail", "without glibc"),
        ((3, 12), NEW, "aarch64", "warn", "x86_64 only"),
    ],
)
def test_python_and_glibc_decide_on_the_stack(version: Any, libc: Any, machine: str, state: str, words: str) -> None:
    result = check_python(version, libc, machine)
    assert (result.state, words in result.found, bool(result.advice)) == (state, True, state != "ok"), result


def requirements(folder: Path, serve: str, pipeline: str, lock: str) -> Path:
    (folder / "in.txt").write_text(f"# serve:\n{serve}\n\n# pipeline\n{pipeline}\n\n# dev: more\nnot-there-either\n")
    (folder / "lock.txt").write_text(f"# made by hand\n{lock}\n")
    return folder


@pytest.mark.parametrize(
    ("serve", "pipeline", "lock", "state", "words"),
    [
        ("click", "rich", "click>=1 \\\n    --hash=sha256:0d3fe\n    # via x", "ok", "versions of the lock file"),
        ("click", "rich", "click==0.0.1", "warn", "(==0.0.1)"),
        ("click", "rich", "click==0.0.1 ; python_version < '3'", "ok", "versions of the lock file"),
        ("click", "rich\nnot-there; python_version < '3'", "", "ok", "versions of the lock file"),
        ("click\nnot-there", "rich", "", "fail", "Missing packages: not-there."),
        ("click", "not-there", "", "fail", "Missing packages: not-there."),
    ],
)
def test_packages_are_compared_with_what_is_needed(serve: str, pipeline: str, lock: str, state: str, words: str, tmp_path: Path) -> None:
    result = check_packages(requirements(tmp_path, serve, pipeline, lock))
    assert (result.state, words in result.found) == (state, True), result


def test_an_installed_program_has_no_lock_file_to_compare_with(tmp_path: Path) -> None:
    assert check_packages(tmp_path).state == "ok"


def put_tensorflow(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """A package of this name that comes before the installed one, in this process and its children."""
    (folder / "tensorflow").mkdir()
    (folder / "tensorflow" / "__init__.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")


GPU = """
from types import SimpleNamespace
__version__ = "2.0"
config = SimpleNamespace(list_physical_devices=lambda kind: [SimpleNamespace(name="gpu:0")] * %d)
"""


@pytest.mark.parametrize(
    ("code", "driver", "state", "words"),
    [
        (GPU % 0, False, "ok", "without a GPU"),
        (GPU % 0, True, "warn", "sees no GPU, although"),
        (GPU % 2, True, "ok", "sees 2 GPUs"),
        ("raise ImportError('libtensorflow.so: wrong ELF class')", False, "fail", "wrong ELF class"),
        ("import os; os._exit(7)", False, "fail", "ended with 7"),
        ("import time; time.sleep(60)", False, "warn", "was not imported"),
    ],
)
def test_tensorflow_is_asked_in_a_process_of_its_own(
    code: str, driver: bool, state: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_tensorflow(tmp_path, monkeypatch, code)
    (tmp_path / "driver").touch()
    limit_s = 0.5 if "sleep" in code else 60.0
    result = check_tensorflow(limit_s, tmp_path / ("driver" if driver else "no driver"))
    assert (result.state, words in result.found) == (state, True), result


@pytest.mark.parametrize(("free", "state"), [(10**8, "fail"), (10**9, "warn"), (10**11, "ok")])
def test_disk(free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    result = check_disk({"registry": tmp_path / "not" / "yet"})
    assert (result.state, "registry" in result.found) == (state, True), result


def test_permissions(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert check_permissions({"registry": tmp_path / "a" / "b"}) == ok(
        f"{tmp_path / 'a' / 'b'} (registry) does not exist yet and can be made."
    )
    assert check_permissions({"registry": tmp_path}).state == "ok"
    assert "is not a folder" in check_permissions({"registry": tmp_path / "file"}).found
    assert "Nothing can be written to /proc" in check_permissions({"data_root": tmp_path, "registry": Path("/proc")}).found
    assert [path.name for path in tmp_path.iterdir()] == ["file"], "nothing is left behind, and nothing is made"


def test_a_disk_with_another_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_clock({"registry": tmp_path}).state == "ok"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert "registry is 3600 s ahead" in check_clock({"registry": tmp_path}).found


def test_memory() -> None:
    assert [check_memory(size).state for size in (10**8, 10**9, 10**10)] == ["fail", "warn", "ok"]
    assert check_memory().found


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert check_port(port).state == "warn"
    assert check_port(port).state == "ok"


def test_encodings() -> None:
    assert check_terminal("UTF-8", "utf8").state == "ok"
    assert check_terminal("ascii", "utf-8").state == check_terminal("utf-8", "latin-1").state == "warn"


def test_credentials_are_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASECRETKEYID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    result = check_credentials({"data_root": "s3://bucket/data"})
    assert result.state == "ok"
    assert "SECRET" not in result.found.upper()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name, value in {"HOME": tmp_path, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": tmp_path / "no"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no"))
    assert check_credentials({"data_root": "s3://bucket/data"}).state == "fail"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "no.json"))
    assert check_credentials({"registry": "gs://bucket/registry"}).state == "fail"
    assert check_credentials({}).state == "ok"


def test_a_bucket_is_tried_out(store: FakeStore) -> None:
    assert check_buckets({"registry": "s3://bucket/registry"}).state == "ok"
    assert store.objects == {}, "the probe is gone"
    store.has_conditions = False
    result = check_buckets({"registry": "s3://bucket/registry"})
    assert (result.state, bool(result.advice)) == ("fail", True)
    assert check_buckets({"registry": "ftp://bucket/registry"}).state == "fail"


def test_a_cluster_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWERS_KUBEFLOW_TOKEN", TOKEN)
    with serve_cluster(Cluster()) as cluster:
        assert check_kubeflow(cluster.host, "").state == "ok"
        monkeypatch.setenv("FLOWERS_KUBEFLOW_TOKEN", "wrong-token")
        refused = check_kubeflow(cluster.host, "")
        assert (refused.state, "wrong-token" in refused.found) == ("fail", False)
    assert check_kubeflow(cluster.host, "").state == "fail", "it is gone"
    assert check_kubeflow("", "").state == "ok"
    monkeypatch.setenv("FLOWERS_KUBEFLOW_TOKEN", TOKEN)
    with serve_cluster(Cluster(multi_user=True)) as cluster:
        assert "kubeflow.namespace" in check_kubeflow(cluster.host, "").advice
        assert check_kubeflow(cluster.host, "team").state == "ok"


def test_a_check_that_breaks_or_hangs_fails_alone() -> None:
    def broken() -> CheckResult:
        raise RuntimeError("libfoo is gone")

    def hanging() -> CheckResult:
        time.sleep(30)
        return ok("")

    results = run_checks({"broken": broken, "hanging": hanging, "well": lambda: ok("fine")}, limit_s=0.3)
    assert [(name, result.state) for name, result in results.items()] == [("broken", "fail"), ("hanging", "fail"), ("well", "ok")]
    assert "libfoo is gone" in results["broken"].found


def test_the_worst_of_several_speaks() -> None:
    assert worst([ok("a"), warn("b", "do b"), warn("c", "do b")]) == CheckResult("warn", "b c", "do b")
    assert worst([ok("a"), fail("d", "do d"), warn("b", "do b")]) == fail("d", "do d")


def diagnose(*command: str, code: int) -> dict[str, dict[str, Any]]:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["state"] == {0: "ok", 1: "fail"}[code]
    return {check.pop("name"): check for check in answer["checks"]}


def test_the_command_runs_where_tensorflow_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_tensorflow(tmp_path, monkeypatch, "raise ImportError('undefined symbol: PyFloat_Type')")
    (tmp_path / "bad.yaml").write_text("data_rot: here\n")
    checks = diagnose("-m", "flowers_tfx", "doctor", "--config", str(tmp_path / "bad.yaml"), "--json", code=1)
    assert "undefined symbol" in checks["tensorflow"]["found"]
    assert "make setup" in checks["tensorflow"]["advice"]
    assert "data_rot" in checks["configuration"]["found"]
    assert checks["python"]["state"] == checks["folders"]["state"] == "ok"
    assert checks["python"]["advice"] is None


def test_it_runs_without_any_package() -> None:
    checks = diagnose("-S", "-m", "flowers_tfx.doctor", code=1)
    assert checks["packages"]["state"] == checks["configuration"]["state"] == "fail"
    assert checks["python"]["state"] == checks["disk"]["state"] == "ok"


def test_people_read_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_tensorflow(tmp_path, monkeypatch, GPU % 0)
    command = [sys.executable, "-m", "flowers_tfx", "doctor", "--set", "registry=/proc/registry"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("fail  folders"))
    assert "/proc (registry)" in lines[at]
    assert "-> Correct its owner" in lines[at + 1]
