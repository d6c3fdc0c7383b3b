"""Makes the pictures of the README: `python scripts/pictures.py` in the environment that `make setup` makes.

docs/pictures/dag.svg is the DAG as TFX compiles it. docs/pictures/page.png is the page of `flowers serve` with demo's model: it takes
chromium on PATH (on Debian, `apt-get install chromium`) and the folder demo/. Without them it stays as it is.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"

# Where a node stands (column, row) and what it does. A node without a place is an error: give it one.
PLACES = {
    "IngestImages": (0, 0, "outside optional"),
    "SelectInputs": (1, 0, "outside"),
    "ImportExampleGen": (2, 0, "data"),
    "StatisticsGen": (3, 0, "check"),
    "SchemaGen": (4, 0, "check"),
    "ImportSchemaGen": (2, 1, "data"),
    "ExampleValidator": (4, 1, "check"),
    "DataReview": (5, 1, "check"),
    "Baseline": (2, 2, "data"),
    "DriftValidator": (4, 2, "check"),
    "DataGate": (5, 2, "check"),
    "Transform": (5, 3, "model"),
    "Trainer": (4, 3, "model"),
    "ParityValidator": (3, 3, "check"),
    "Evaluator": (2, 3, "check"),
    "Pusher": (1, 3, "model"),
    "PublishBaseline": (0, 3, "data"),
    "Explainer": (0, 2, "check optional"),
}
KINDS = {"outside": "looks outside, every run", "data": "brings in, keeps", "check": "measures and judges", "model": "makes the model"}
NOTES = {"IngestImages": "optional", "Baseline": "serving model", "Transform": "if nothing blocks", "Pusher": "if blessed"}
CHROMIUM_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1000,1260"),
)
NO_CHROMIUM = "chromium is not on PATH."
WIDTH, HEIGHT, COLUMN, ROW, MARGIN = 158, 44, 194, 88, 12
STYLE = """
    .edge { fill: none; stroke: #7a8591; stroke-width: 1.8; marker-end: url(#tip); }
    .note { fill: #77818c; font-size: 13px; }
    .name { fill: #16191d; font-size: 14px; font-weight: 600; text-anchor: middle; }
    .mid { text-anchor: middle; }
    rect { stroke-width: 1.5; }
    .outside { fill: #ffe8c4; stroke: #c47a08; }
    .data { fill: #d8e7ff; stroke: #2f6fd0; }
    .check { fill: #d9f2e1; stroke: #2b8a50; }
    .model { fill: #e9defb; stroke: #7a4fc4; }
    .optional { stroke-dasharray: 5 4; }
"""


def main() -> None:
    (PICTURES / "dag.svg").write_text(dag_svg(compile_dag()), encoding="utf-8")
    missing = draw_page(PICTURES / "page.png")
    if missing:
        sys.exit(f"docs/pictures/page.png stays as it is: {missing}")


def compile_dag() -> dict[str, set[str]]:
    """The nodes of a pipeline with a delivery, and the nodes that each one waits for."""
    from tfx.dsl.compiler import compiler

    from flowers_tfx.config import load_config
    from pipeline_def import create_pipeline

    with tempfile.TemporaryDirectory() as folder:
        csv, labels = Path(folder, "all_data.csv"), Path(folder, "dict.txt")
        csv.write_text("")
        labels.write_text("daisy\nroses\n")
        config = load_config(None, [f"ingest.csv={csv}", f"ingest.labels={labels}"])
        compiled = compiler.Compiler().compile(create_pipeline(config))
    nodes = [node.pipeline_node for node in compiled.nodes]
    return {node.node_info.id: set(node.upstream_nodes) for node in nodes}


def direct_edges(upstream: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """The edges that do not follow from others: from A to C none is drawn where A leads to B and B to C."""

    def ancestors(node: str) -> set[str]:
        return upstream[node].union(*map(ancestors, upstream[node]))

    return sorted(
        (parent, node) for node, parents in upstream.items() for parent in parents if not any(parent in ancestors(p) for p in parents)
    )


def dag_svg(upstream: Mapping[str, set[str]]) -> str:
    """Nodes have their own ground and lines are a mid grey: the picture reads on light and on dark pages."""
    if missing := sorted(set(upstream) - set(PLACES)):
        raise ValueError(f"PLACES of scripts/pictures.py does not name {', '.join(missing)}")
    edges = direct_edges(upstream)
    described = ", ".join(f"{start} to {end}" for start, end in edges)
    rows = 1 + max(row for _, row, _ in PLACES.values())
    columns = 1 + max(column for column, _, _ in PLACES.values())
    width, height = columns * COLUMN - (COLUMN - WIDTH) + 2 * MARGIN, (rows - 1) * ROW + HEIGHT + 2 * MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title desc"',
            "     font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif\">",
            '  <title id="title">The pipeline</title>',
            f'  <desc id="desc">{escape(described)}. Edges that follow from others are left out.</desc>',
            f"  <!-- Made by scripts/pictures.py. -->\n  <style>{STYLE}  </style>",
            '  <defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M 0 1 L 10 5 L 0 9 z" fill="#7a8591"/></marker></defs>',
            *(f'  <path class="edge" data-from="{start}" data-to="{end}" d="{_line(start, end)}"/>' for start, end in edges),
            *(_box(name) for name in PLACES if name in upstream),
            *_legend(),
            "</svg>\n",
        ]
    )


def _corner(name: str) -> tuple[int, int]:
    column, row, _ = PLACES[name]
    return MARGIN + column * COLUMN, MARGIN + row * ROW


def _line(start: str, end: str) -> str:
    """Straight within a row or a column; otherwise a curve from the right side of one to the left side of the other."""
    (x, y), (to_x, to_y) = _corner(start), _corner(end)
    middle = y + HEIGHT // 2
    if x == to_x:
        return f"M {x + WIDTH // 2} {y + HEIGHT} V {to_y - 3}" if y < to_y else f"M {x + WIDTH // 2} {y} V {to_y + HEIGHT + 3}"
    if y == to_y:
        return f"M {x + WIDTH} {middle} H {to_x - 3}" if x < to_x else f"M {x} {middle} H {to_x + WIDTH + 3}"
    from_x, to_middle = x + WIDTH, to_y + HEIGHT // 2
    bend = (to_x - from_x) // 2
    return f"M {from_x} {middle} C {from_x + bend} {middle}, {to_x - 3 - bend} {to_middle}, {to_x - 3} {to_middle}"


def _box(name: str) -> str:
    (x, y), kind = _corner(name), PLACES[name][2]
    note = f'<text class="note mid" x="{x + WIDTH // 2}" y="{y + HEIGHT + 17}">{NOTES[name]}</text>' if name in NOTES else ""
    return (
        f'  <g id="{name}"><rect class="{kind}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="9"/>'
        f'<text class="name" x="{x + WIDTH // 2}" y="{y + HEIGHT // 2 + 5}">{name}</text>{note}</g>'
    )


def _legend() -> list[str]:
    x, top = MARGIN, MARGIN + ROW - 12
    return [
        f'  <rect class="{kind}" x="{x}" y="{top + 26 * line}" width="16" height="16" rx="4"/>'
        f'<text class="note" x="{x + 26}" y="{top + 13 + 26 * line}">{text}</text>'
        for line, (kind, text) in enumerate(KINDS.items())
    ]


def draw_page(path: Path) -> str:
    """The page of the service with one answer; returns what is missing for it."""
    from playwright.sync_api import sync_playwright

    chromium, registry = find_chromium(), ROOT / "demo" / "registry"
    if chromium is None:
        return NO_CHROMIUM
    if not registry.is_dir():
        return "demo/ holds no registry; run `make demo` first."
    command = [sys.executable, "-m", "flowers_tfx", "serve", "--set", f"registry={registry}", "--port", "0", "--json"]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            ready, shot = server.stdout.readline() if server.stdout else "", Path(folder, "shot.png")
            with sync_playwright() as program:
                browser = program.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
                page.goto(json.loads(ready)["url"])
                page.get_by_role("button", name="daisy").click()
                page.locator(".bars").wait_for()
                page.screenshot(path=shot)
                browser.close()
            write_small_png(shot, path)
        finally:
            server.terminate()
    return ""


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def write_small_png(shot: Path, path: Path) -> None:
    """A page of text and thumbnails: 256 colours are enough for it."""
    from PIL import Image

    with Image.open(shot) as image:
        image.convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
