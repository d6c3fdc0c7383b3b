"""A delivery with dark photos among good ones is blocked; without these it passes, and all that comes after sees it so."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image, ImageEnhance

from flowers_tfx.data.spans import list_spans, read_photos
from flowers_tfx.storage import storage_path
from tests.conftest import write_photos
from tests.e2e.conftest import Workshop, states
from tests.e2e.minio import minio
from tests.e2e.prism import prism, prism_binary

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(900)]

PER_CLASS = 30
BUCKET = "flowers-part"


@pytest.fixture(params=["disk", "minio", "prism"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workshop]:
    """On a disk, with data root and registry in a bucket, or with the heavy nodes on Prism."""
    workshop = Workshop(tmp_path)
    with contextlib.ExitStack() as stack:
        if request.param == "minio":
            stack.enter_context(minio(tmp_path, BUCKET))
            config = yaml.safe_load(workshop.config.read_text())
            config |= {"data_root": f"s3://{BUCKET}/data", "registry": f"s3://{BUCKET}/registry"}
            workshop.config.write_text(yaml.safe_dump(config))
        if request.param == "prism":
            engine = stack.enter_context(prism(prism_binary(), tmp_path / "prism.log"))
            beam = {"engine": "portable", "job_endpoint": engine.endpoint, "environment": "loopback"}
            workshop.config.write_text(yaml.safe_dump({**yaml.safe_load(workshop.config.read_text()), "beam": beam}))
        yield workshop


def deliver(shop: Workshop, first: int, dark: int = 0) -> list[str]:
    """`dark`: photos of each class that are darker; returns their digests."""
    digests = []
    shutil.rmtree(shop.photos, ignore_errors=True)
    write_photos(shop.photos, PER_CLASS, first=first)
    for folder in sorted(shop.photos.iterdir()) if dark else ():
        for path in sorted(folder.glob("*.jpg"))[:dark]:
            with Image.open(path) as image:
                ImageEnhance.Brightness(image).enhance(0.2).save(path, quality=85)
            digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
    shop.flowers("dataset", "index", str(shop.photos), "--json")
    return digests


def test_from_blocked_to_pushed_without_the_dark_photos(shop: Workshop) -> None:
    config = ("--config", str(shop.config), "--json")
    deliver(shop, 0)
    shop.run()
    dark = deliver(shop, 600, dark=12)
    blocked = shop.run(code=3)
    rows = read_photos(list_spans(yaml.safe_load(shop.config.read_text())["data_root"])[1])
    decision = shop.flowers(
        "review", "exclude", "2", "--photo", *dark[:35], "--photo", dark[35], "--reason", "dark", "--by", "Ada", *config
    )
    assert sorted(decision["photos"]) == sorted(dark)
    corrected = rows[~rows["digest"].isin(dark)].iloc[0]
    label = "roses" if corrected["label"] != "roses" else "daisy"
    shop.flowers("review", "relabel", "2", "--photo", corrected["digest"], "--label", label, "--reason", "r", "--by", "Ada", *config)
    report = shop.run()
    assert blocked["status"] == "blocked" and report["status"] == "succeeded"
    nodes = states(report)
    assert nodes["Baseline"] == "cached" and nodes["ImportExampleGen"] == nodes["StatisticsGen"] == "complete"
    review = json.loads(Path(report["reports"]["review"]).with_name("review.json").read_text())
    assert (review["verdict"] != "blocked", review["new"]["photos"]) == (True, 3 * PER_CLASS - 36)
    assert [one["action"] for one in review["decisions"]] == ["exclude", "relabel"]
    model = storage_path(report["pushed_model"])
    sample = pd.read_parquet(io.BytesIO((model / "assets.extra" / "baseline" / "sample" / "photos.parquet").read_bytes())).set_index(
        "digest"
    )
    assert len(sample) == 6 * PER_CLASS - 36 and not set(dark) & set(sample.index)
    assert sample.loc[corrected["digest"], "label"] == label
    card = json.loads((model / "assets.extra" / "card.json").read_bytes())["data"]
    assert [(span["examples"], span["excluded"], span["relabelled"]) for span in card["spans"]] == [(90, 0, 0), (54, 36, 1)]
    assert not any(digest in json.dumps(card) for digest in dark)
    again = shop.run()
    assert set(states(again).values()) <= {"cached", "skipped", "complete"} and again["status"] == "succeeded"
    assert states(again)["ImportExampleGen"] == states(again)["DriftValidator"] == "cached"
    # Half of them come back: photos that the new model was not trained on, and they are dark.
    shop.flowers("review", "include", "2", "--photo", *dark[:30], "--reason", "night is wanted", "--by", "Bo", *config)
    report = shop.run(code=3)
    review = json.loads(Path(report["reports"]["review"]).with_name("review.json").read_text())
    assert (review["new"]["photos"], review["new"]["spans"]) == (30, [2])
