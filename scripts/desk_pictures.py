"""Makes the pictures of docs/desk.md, with chromium on PATH, of folders like demo/ of `make demo`: drawn pictures only. In the copy that is
shown nobody has decided on SPAN, which a review stopped.

    python scripts/desk_pictures.py pipeline demo 3
    python scripts/desk_pictures.py review FOLDER 2

FOLDER: demo's first delivery and its model; then 80 pictures like these and 40 of demo/evening-corrected in one delivery.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.pictures import PICTURES, ROOT, find_chromium, write_small_png

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", choices=["review", "pipeline"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("span", type=int)
    arguments = parser.parse_args()
    demo, span = arguments.folder, arguments.span
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "demo"
        for name in ("data", "pipeline/reviews"):
            shutil.copytree(demo / name, copy / name)
        leave_waiting(copy, span)
        roots = {"data_root": "demo/data", "pipeline_root": "demo/pipeline", "name": "garden-flowers"}
        sets = [word for key, value in roots.items() for word in ("--set", f"{key}={value}")]
        command = [sys.executable, "-m", "flowers_tfx", "desk", "--port", "0", "--json", *sets]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment) as desk:
            try:
                ready = json.loads(desk.stdout.readline() if desk.stdout else "")
                take_pictures(ready["url"], arguments.page, span, Path(folder))
            finally:
                desk.terminate()


def leave_waiting(demo: Path, span: int) -> None:
    """Removes what was decided on the span, and the reviews that knew it."""
    decisions = demo / "data" / "decisions.jsonl"
    lines = decisions.read_text().splitlines(keepends=True) if decisions.is_file() else []
    decisions.write_text("".join(line for line in lines if json.loads(line)["span"] != span))
    for review in (demo / "pipeline" / "reviews").glob("*/review.json"):
        value = json.loads(review.read_text())
        if span in value["new"]["spans"] and value["verdict"] != "blocked":
            shutil.rmtree(review.parent)


def take_pictures(url: str, page: str, span: int, folder: Path) -> None:
    with sync_playwright() as program:
        browser = program.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        desktop, phone = browser.new_page(viewport=DESKTOP), browser.new_page(viewport=PHONE, color_scheme="dark")
        if page == "pipeline":
            desktop.goto(f"{url}/pipelines/garden-flowers")
            save(desktop, folder, "desk-pipeline.png")
        else:
            for tab, name in ((desktop, "desk.png"), (phone, "desk-phone.png")):
                tab.goto(url)
                tab.get_by_role("link", name=f"Span {span}").click()
                choose(tab)
                save(tab, folder, name)
        browser.close()


def choose(page: Any) -> None:
    """A group where there is one."""
    group = page.get_by_label("Leave a group out")
    (group if group.count() else page.get_by_label("Accept findings")).check()
    page.get_by_label("Reason").fill("Photographed in the evening with another camera.")
    page.get_by_label("Your name").fill("Ada")
    page.evaluate("[document.activeElement.blur(), scrollTo(0, 0)]")
    page.wait_for_timeout(2000)  # pictures, and the report in its frame


def save(page: Any, folder: Path, name: str) -> None:
    page.screenshot(path=folder / name, full_page=True)
    write_small_png(folder / name, PICTURES / name)


if __name__ == "__main__":
    main()
