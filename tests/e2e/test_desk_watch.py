"""From a blocked run to a pushed model by clicks at the desk: recorded there, or downloaded and applied by an operator with one command.
`flowers watch` goes on by itself. On a disk and in MinIO."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowers_tfx.data.decisions import read_decisions
from tests.conftest import ROOT, small_photo
from tests.e2e.conftest import Workshop
from tests.e2e.minio import minio
from tests.watch_process import Watchers

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: the desk was not tested in a browser")
expect = playwright.expect

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long, pytest.mark.one_stack, pytest.mark.timeout(900)]

CLASSES = ("daisy", "roses", "tulips")
BUCKET = "flowers-desk"


@dataclass
class Scene:
    workshop: Workshop
    data_root: str
    watchers: Watchers

    def deliver(self, per_class: int, first: int, size: tuple[int, int]) -> None:
        for place, name in enumerate(CLASSES):
            (self.workshop.photos / name).mkdir(parents=True, exist_ok=True)
            for number in range(first, first + per_class):
                photo = small_photo(1000 * place + number, size, hue=place)
                (self.workshop.photos / name / f"{number:04d}.jpg").write_bytes(photo)


@pytest.fixture(params=["disk", "minio"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    workshop = Workshop(tmp_path)
    config = yaml.safe_load(workshop.config.read_text())
    config["watch"] = {"quiet_s": 2, "stable_s": 0.5, "poll_s": 1}
    with contextlib.ExitStack() as stack:
        if request.param == "minio":
            stack.enter_context(minio(tmp_path, BUCKET))
            config |= {"data_root": f"s3://{BUCKET}/data", "registry": f"s3://{BUCKET}/registry"}
        workshop.config.write_text(yaml.safe_dump(config))
        watchers = Watchers([str(workshop.photos), "--config", str(workshop.config)], tmp_path / "watch.log", lease_s=3.0)
        stack.callback(watchers.close)
        yield Scene(workshop, config["data_root"], watchers)


@contextlib.contextmanager
def desk_page(config: Path) -> Iterator[Any]:
    """The first page of `flowers desk` in a process of its own."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on PATH: the desk was not tested in a browser")
    command = [sys.executable, "-m", "flowers_tfx", "desk", "--config", str(config), "--port", "0", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as desk:
        try:
            assert desk.stdout is not None
            ready = json.loads(desk.stdout.readline())
            assert ready["pid"] == desk.pid
            with playwright.sync_playwright() as program:
                browser = program.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = browser.new_page()
                page.goto(ready["url"])
                yield page
                browser.close()
            desk.send_signal(signal.SIGTERM)
            assert desk.wait(20) == 0
        finally:
            desk.kill()


@pytest.mark.parametrize("way", ["recorded", "applied"])
def test_from_blocked_to_pushed(scene: Scene, way: str, tmp_path: Path) -> None:
    workshop, watchers = scene.workshop, scene.watchers
    scene.deliver(30, 0, (48, 40))
    watchers.start()
    first = watchers.wait_for("pushed")["version"]
    scene.deliver(10, 500, (160, 120))
    watchers.wait_for("blocked")
    with desk_page(workshop.config) as page:
        expect(page.get_by_role("heading", name="1 review waits for a decision")).to_be_visible()
        page.get_by_role("link", name="tiny: Span 2").click()
        expect(page.frame_locator("iframe").get_by_role("heading").first).to_be_visible()
        page.get_by_label("Accept findings").check()
        page.get_by_label("Reason").fill("Another camera: wanted.")
        page.get_by_label("Your name").fill("Ada")
        if way == "recorded":
            page.get_by_role("button", name="Record the decision").click()
            expect(page.get_by_role("status")).to_contain_text("Ada accepted")
        else:
            with page.expect_download() as download:
                page.get_by_role("button", name="Download it as a file").click()
            download.value.save_as(tmp_path / "decision.json")
            assert read_decisions(scene.data_root) == [], "a file changes nothing"
            workshop.flowers("review", "apply", str(tmp_path / "decision.json"), "--config", str(workshop.config), "--json")
        second = watchers.wait_for("pushed", 2)["version"]
        page.goto(page.url.split("?")[0])
        expect(page.get_by_text("A newer review has these photos")).to_be_visible()
        page.get_by_role("link", name="All pipelines").click()
        expect(page.get_by_role("heading", name="Nothing waits for a decision")).to_be_visible()
    assert int(second) > int(first)
    [decision] = read_decisions(scene.data_root)
    assert (decision.action, decision.by, decision.span) == ("accept", "Ada", 2)
    assert [run["status"] for run in watchers.of("run")] == ["succeeded", "blocked", "succeeded"]
