"""The pin of a registry: `flowers registry`, and what goes by the version that serves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowers_tfx import cli, registry
from flowers_tfx.errors import InputError
from tests.unit.buckets import FakeStore
from tests.unit.test_registry import saved_model

BUCKET = "s3://bucket/registry"


@pytest.fixture(params=["folder", "bucket"])
def root(request: pytest.FixtureRequest, store: FakeStore, tmp_path: Path) -> str:
    return BUCKET if request.param == "bucket" else str(tmp_path / "registry")


@pytest.fixture
def push(root: str, tmp_path: Path) -> Callable[[str], int]:
    """Publishes a model of its own for each fingerprint."""

    def push(fingerprint: str) -> int:
        return registry.publish(
            saved_model(tmp_path / fingerprint, fingerprint), root, fingerprint, ({"span": 1, "digest": "d"},), ""
        ).version

    return push


def flowers(capsys: pytest.CaptureFixture[str], root: str, *arguments: object, code: int = 0) -> Any:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["registry", *map(str, arguments), "--set", f"registry={root}", "--json"])
    assert (stopped.value.code or 0) == code
    return json.loads(capsys.readouterr().out)


def test_the_pinned_version_serves_until_it_is_unpinned(root: str, push: Callable[[str], int], capsys: pytest.CaptureFixture[str]) -> None:
    first, second = push("a"), push("b")
    assert registry.serving_version(root) == second
    where = {"registry": root, "file": str(registry.pin_path(root))}
    assert flowers(capsys, root, "pin", first) == {**where, "serving": first, "pinned": first}
    third = push("c")
    assert registry.serving_version(root) == first
    assert registry.serving_model(root) == registry.version_path(root, first)
    assert flowers(capsys, root, "unpin") == {"registry": root, "serving": third, "pinned": None}
    assert flowers(capsys, root, "unpin") == {"registry": root, "serving": third, "pinned": None}
    assert registry.versions(root) == [first, second, third]


def test_a_rollback_goes_one_version_back_from_the_one_that_serves(
    root: str, push: Callable[[str], int], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = push("a"), push("b")
    push("c")
    assert flowers(capsys, root, "rollback")["serving"] == second
    push("d")
    assert flowers(capsys, root, "rollback")["serving"] == first
    assert f"no version before {first}" in flowers(capsys, root, "rollback", code=2)["error"]
    assert registry.serving_version(root) == first


def test_only_a_version_that_is_there_and_whole_can_be_pinned(
    root: str, push: Callable[[str], int], capsys: pytest.CaptureFixture[str], store: FakeStore
) -> None:
    assert "no version 7" in flowers(capsys, root, "pin", 7, code=2)["error"]
    assert "holds no model" in flowers(capsys, root, "rollback", code=2)["error"]
    first, second = push("a"), push("b")
    error = flowers(capsys, root, "pin", 7, code=2)
    assert str(second) in error["hint"]
    (registry.version_path(root, first) / "saved_model.pb").write_bytes(b"changed")
    assert f"Version {first} is damaged" in flowers(capsys, root, "pin", first, code=2)["error"]
    assert f"Version {first} is damaged" in flowers(capsys, root, "rollback", code=2)["error"]
    assert registry.read_pin(root) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": "1"}', b'{"version": true}', b'{"version": -1}', b"\xff", b"[" * 100_000]
)
def test_a_pin_that_cannot_be_read_is_not_passed_over(
    root: str, push: Callable[[str], int], capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    version = push("a")
    registry.pin_path(root).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        registry.serving_version(root)
    with pytest.raises(InputError, match="cannot be read"):
        registry.serving_with_other_fingerprint(root, "b")
    listed = flowers(capsys, root, "list")
    assert (listed["serving"], len(listed["versions"])) == (None, 1)
    assert flowers(capsys, root, "unpin")["serving"] == version


def test_a_pin_that_is_not_a_file_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(tmp_path / "registry")
    version = registry.publish(saved_model(tmp_path / "model"), root, "a", (), "").version
    (tmp_path / "registry" / "pin.json").mkdir()
    assert flowers(capsys, root, "list")["serving"] is None
    for command in ("unpin", "rollback"):
        assert "cannot be read" in flowers(capsys, root, command, code=2)["error"]
    assert flowers(capsys, root, "pin", version, code=2)["error"]


def test_a_pin_of_a_version_that_is_gone_is_an_error(root: str, push: Callable[[str], int]) -> None:
    push("a")
    registry.write_pin(root, 7)
    with pytest.raises(InputError, match=r"Version 7, .* is not in the registry") as raised:
        registry.serving_version(root)
    assert "flowers registry unpin" in raised.value.hint
    assert "Version 7" in registry.not_served_reason(root, 1)


def test_a_candidate_is_compared_with_the_version_that_serves(root: str, push: Callable[[str], int]) -> None:
    assert registry.serving_with_other_fingerprint(root, "a") is None
    first, second, third = push("a"), push("b"), push("c")

    def compared(fingerprint: str) -> int:
        entry = registry.serving_with_other_fingerprint(root, fingerprint)
        return 0 if entry is None else entry.version

    assert [compared(fingerprint) for fingerprint in "abcd"] == [third, third, second, third]
    before = compared("c")
    registry.pin_version(root, second)
    assert compared("d") == second, "nobody gets answers of the newer one"
    assert compared("c") == before, "a run that repeats the rolled-back version's compares as it did"
    assert compared("b") == first, "a model is never its own baseline"
    registry.pin_version(root, first)
    assert [compared(fingerprint) for fingerprint in "abcd"] == [0, first, first, first]


def test_a_push_beside_a_pin_is_told_not_to_serve(root: str, push: Callable[[str], int]) -> None:
    first = push("a")
    assert registry.not_served_reason(root, first) == ""
    registry.pin_version(root, first)
    second = push("b")
    assert registry.not_served_reason(root, second) == (
        f"Version {second} is in the registry and does not serve: version {first} is pinned in {registry.pin_path(root)}."
    )


def test_the_list_says_what_serves(root: str, push: Callable[[str], int], capsys: pytest.CaptureFixture[str]) -> None:
    assert flowers(capsys, root, "list") == {"registry": root, "serving": None, "pinned": None, "versions": []}
    first, second = push("a"), push("b")
    registry.pin_version(root, first)
    listed = flowers(capsys, root, "list")
    assert (listed["serving"], listed["pinned"]) == (first, first)
    assert [row["version"] for row in listed["versions"]] == [second, first]
    entry = registry.entry(root, first)
    assert listed["versions"][1] == {"version": first, "created": entry.created, "spans": [1], "digest": entry.digest, "damage": None}
    with pytest.raises(SystemExit):
        cli.main(["registry", "list", "--set", f"registry={root}"])
    out = capsys.readouterr().out
    assert "serving, pinned" in out
    assert out.splitlines()[-1] == root


def test_servers_never_see_half_a_pin(tmp_path: Path) -> None:
    root = str(tmp_path)
    registry.write_pin(root, 1)
    before = registry.pin_path(root).read_bytes()
    (tmp_path / "pin.json").chmod(0o444)
    registry.write_pin(root, 2)
    assert registry.read_pin(root) == registry.Pin(2, json.loads((tmp_path / "pin.json").read_text())["when"])
    assert before != (tmp_path / "pin.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["pin.json"]
