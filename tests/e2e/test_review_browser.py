"""The review's page as a browser shows it: nothing is loaded, the verdict is seen first, nothing is cut off, everything can be read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flowers_tfx.review.galleries import photos_on_page
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.review.thumbnails import thumbnail
from flowers_tfx.validation import Policy, Review, compare
from tests.conftest import small_photo

pytestmark = [pytest.mark.e2e, pytest.mark.one_stack]

DESKTOP, PHONE = (1280, 800), (390, 844)
SCHEMES = {"light": (), "dark": ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")}
# Run in a copy of the page without its policy. A text's contrast is measured against the next ground behind it that is opaque.
MEASURE = """
<script>
const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = (colour) => rgb(colour).slice(0, 3).map((c) => c / 255)
  .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if ((rgb(colour)[3] ?? 1) === 1) return colour;
  }
};
const contrast = (element) => {
  const [low, high] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
onload = () => {
  document.querySelectorAll("details").forEach((e) => { e.open = true; });
  const texts = [...document.body.querySelectorAll("*")].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  const worst = texts.map((e) => [contrast(e), e.textContent.trim().slice(0, 40)]).sort((a, b) => a[0] - b[0])[0];
  const box = document.querySelector(".verdict").getBoundingClientRect();
  const wide = [...document.querySelectorAll(".scroll")].filter((e) => e.scrollWidth > e.clientWidth);
  parent.postMessage(JSON.stringify({
    viewport: [innerWidth, innerHeight], verdict: [box.top, box.bottom, box.width], width: document.documentElement.scrollWidth,
    ground: getComputedStyle(document.body).backgroundColor, worst: worst, texts: texts.length,
    cards: document.querySelectorAll(".cards").length,
    cut: [...document.querySelectorAll(".cards, .cards *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).length,
    plots: [...document.querySelectorAll(".cards .plot")].map((e) => e.getBoundingClientRect().width),
    unreachable: wide.filter((e) => e.tabIndex !== 0).length,
    pictures: [...document.images].map((image) => image.naturalWidth),
  }), "*");
};
</script>
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium on PATH: what a browser makes of the page was not tested")
    return found


def frame(name: str, brighter: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = range(60)
    return pd.DataFrame(
        {
            "uri": [f"{name}/a_rather_long_name_of_a_photo_{row}.jpg" for row in rows],
            "digest": [f"{name}{row:060d}" for row in rows],
            "label": rng.choice(["daisy", "roses", "tulips"], 60),
            "mean_luma": rng.normal(100, 20, 60) + brighter,
            "saturation": rng.uniform(0.2, 0.6, 60),
            "file_bytes": rng.integers(20_000, 2_000_000, 60),
            "format": ["JPEG"] * 60,
            "phash": [f"{int(rng.integers(1 << 62)):016x}" for _ in rows],
        }
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    old, new = frame("old", 0, 1), frame("new", 60, 2)
    new.loc[59, ["digest", "phash"]] = new.loc[58, ["digest", "phash"]]
    review: Review = compare(old, new, Policy(permutations=1500), compared_with={"kind": "serving", "version": "7"})
    assert review.verdict == "blocked"
    wanted = photos_on_page(review, old, new)
    thumbnails = {digest: thumbnail(small_photo(seed, (160, 120))) for seed, digest in enumerate(wanted)}
    history = [{"name": f"span-{number}", "verdict": "pass", "scores": review.scores} for number in range(1, 13)]
    context = Context(
        title="span-13",
        run_id="run-20260614-094255-and-some-more-words",
        created="2026-06-14T09:42:55+00:00",
        model_version="7",
        code_version="1.2.3",
        rejects={"GIF is not supported: deliver JPEG or PNG": 3},
        schema_differences=("a_column_with_a_name_that_no_line_of_a_phone_can_hold_without_a_break is new.",),
        history=history,
        comparisons=(("span-13 against span-12", review),),
        commands=("flowers review accept 13 property:mean_luma --reason 'why it is meant to be so' --by NAME",),
        spans=(13,),
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_html(review, old, new, thumbnails, context), encoding="utf-8")
    return path


def browse(chromium: str, home: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    common = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND")
    command = [chromium, *common, "--enable-logging=stderr", f"--user-data-dir={home}", "--virtual-time-budget=3000", *arguments, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)


def measured(chromium: str, page: Path, home: Path, size: tuple[int, int], scheme: str) -> dict[str, Any]:
    """What MEASURE finds in a frame of that size: a headless window is never narrower than 500 px."""
    html = page.read_text(encoding="utf-8")
    copy, wrapper = home / "copy.html", home / "wrapper.html"
    copy.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', lambda _: MEASURE, html), encoding="utf-8")
    assert "Content-Security-Policy" not in copy.read_text(encoding="utf-8")
    wrapper.write_text(
        "<title>nothing came</title><script>onmessage = (event) => { document.title = event.data; };</script>"
        f'<iframe style="border: 0" width="{size[0]}" height="{size[1]}" src="copy.html"></iframe>'
    )
    dom = browse(chromium, home / "profile", wrapper.as_uri(), "--window-size=1400,1000", *SCHEMES[scheme], "--dump-dom").stdout
    title = re.search(r"<title>(.*?)</title>", dom, flags=re.DOTALL)
    assert title
    found: dict[str, Any] = json.loads(unescape(title[1]))
    assert found["viewport"] == list(size)
    return found


def test_no_request_leaves_the_file_and_the_console_stays_silent(chromium: str, page: Path, tmp_path: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in html
    assert not re.search(r'(?:src|href)=(?!"(?:data:|#))|url\(|@import|https?://', html)
    for width, height in (DESKTOP, PHONE):
        picture = tmp_path / f"{width}.png"
        done = browse(chromium, tmp_path / "profile", page.as_uri(), f"--window-size={width},{height}", f"--screenshot={picture}")
        assert "CONSOLE" not in done.stderr
        assert picture.stat().st_size > 10_000


def test_the_policy_would_stop_a_script_and_a_request(chromium: str, page: Path, tmp_path: Path) -> None:
    """What shows that the silence above means something."""
    spoilt = tmp_path / "spoilt.html"
    added = "<script>document.title = 'it ran'</script><img src='https://example.org/x.png'>"
    spoilt.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{added}</body>"), encoding="utf-8")
    done = browse(chromium, tmp_path / "profile", spoilt.as_uri(), "--dump-dom")
    assert "<title>it ran" not in done.stdout
    assert done.stderr.count("Content Security Policy") >= 2


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_verdict_is_on_the_first_screen_and_all_of_it_can_be_read(
    chromium: str, page: Path, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    found = measured(chromium, page, tmp_path, size, scheme)
    top, bottom, width = found["verdict"]
    assert 0 <= top < bottom <= size[1]
    assert width > 0.7 * min(size[0], 992)
    assert found["width"] <= size[0]
    assert found["unreachable"] == 0
    # Tables with histograms need no scrolling, on a phone neither.
    assert found["cards"] >= 2 and found["cut"] == 0
    assert found["plots"] and min(found["plots"]) >= 60
    ground = [int(part) for part in re.findall(r"\d+", found["ground"])[:3]]
    assert (max(ground) < 60) == (scheme == "dark")
    assert found["texts"] > 200
    assert found["worst"][0] >= 4.5, found["worst"]
    assert found["pictures"] and min(found["pictures"]) > 0


def test_it_can_be_printed(chromium: str, page: Path, tmp_path: Path) -> None:
    printed = tmp_path / "page.pdf"
    browse(chromium, tmp_path / "profile", page.as_uri(), f"--print-to-pdf={printed}")
    assert printed.read_bytes().startswith(b"%PDF")
    assert printed.stat().st_size > 20_000
