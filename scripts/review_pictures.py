"""Makes docs/pictures/review-*.png, the first screens of five reviews: `python scripts/review_pictures.py [--out DIR] [--html]`.

The photos are drawn. What they are measured by, the tests, the groups and the page are those of the program; the figures of a serving model
are made up, since there is none. It takes chromium on PATH. `--html` keeps the pages beside the pictures.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flowers_tfx.data.pixel_sample import sample_pixels
from flowers_tfx.data.properties import measure
from flowers_tfx.review.comparison import Comparison, compare_sides
from flowers_tfx.review.report import Context, render_html
from flowers_tfx.review.sides import Side
from flowers_tfx.samples.draw import CLASSES, draw_picture
from flowers_tfx.texts.finding_messages import MESSAGES
from flowers_tfx.validation import Finding, Policy, Review
from flowers_tfx.validation.review import Example
from scripts.pictures import CHROMIUM_FLAGS, NO_CHROMIUM, PICTURES, find_chromium, write_small_png

SIZE = (1280, 800)
BASELINE_PHOTOS, NEW_PHOTOS, OTHER_SITE, FEW = 400, 200, 40, 15
ACCURACY_OF_GROUP = 0.5
CREATED, RUN = "2026-06-14T09:42:55+00:00", "20260614-0942"
FIGURES = {"baseline_accuracy": 0.9, "estimated": False}


@dataclass(frozen=True)
class Case:
    """`harm`: what the page reads of that in the JSON of a review, or None."""

    name: str
    new: Mapping[str, bytes]
    harm: Mapping[str, Any] | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURES)
    parser.add_argument("--html", action="store_true")
    arguments = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        sys.exit(NO_CHROMIUM)
    baseline = side("the archive", draw("archive", 0, BASELINE_PHOTOS))
    for case in cases():
        page = render(case, baseline)
        with tempfile.TemporaryDirectory() as folder:
            path = (arguments.out if arguments.html else Path(folder)) / f"review-{case.name}.html"
            path.write_text(page, encoding="utf-8")
            take_picture(chromium, path, arguments.out / f"review-{case.name}.png", Path(folder))


def cases() -> list[Case]:
    new = draw("june", 1, NEW_PHOTOS)
    few = dict(list(new.items())[:FEW])
    bright = {uri: brighten(photo) for uri, photo in new.items()}
    mixed = {**dict(list(new.items())[: NEW_PHOTOS - OTHER_SITE]), **from_other_site(draw("site-b", 2, OTHER_SITE))}
    fine = {**FIGURES, "accuracy": 0.89, "interval": [0.84, 0.93], "difference_interval": [-0.06, 0.04]}
    worse = {**FIGURES, "accuracy": 0.77, "interval": [0.71, 0.82], "difference_interval": [-0.2, -0.06], "photos": NEW_PHOTOS}
    per_class = {name: {"accuracy": 0.89, "baseline_accuracy": 0.9, "photos": NEW_PHOTOS // 5} for name in CLASSES}
    # Means over classes of one size: 0.89 and 0.77.
    lower = {name: {**figures, "accuracy": 0.55 if name == "roses" else 0.825} for name, figures in per_class.items()}
    return [
        Case("pass", new, {**fine, "per_class": per_class}),
        Case("alike-but-worse", new, {**worse, "per_class": lower}),
        Case("different-and-fine", bright, {**fine, "per_class": per_class}),
        Case("different-and-worse", mixed, {**worse, "per_class": lower}),
        Case("too-few", few, None),
    ]


def draw(folder: str, seed: int, photos: int) -> dict[str, bytes]:
    """Address to photo, the classes in turn."""
    labels = [(CLASSES[number % len(CLASSES)], number) for number in range(photos)]
    return {f"photos/{folder}/{label}/{number:04d}.jpg": draw_picture(label, number, seed) for label, number in labels}


def brighten(photo: bytes) -> bytes:
    with Image.open(io.BytesIO(photo)) as image:
        out = io.BytesIO()
        # The tables of the photo, so that light is all that changes.
        ImageEnhance.Brightness(image.convert("RGB")).enhance(1.15).save(out, "JPEG", qtables=image.quantization, exif=image.getexif())
        return out.getvalue()


def from_other_site(photos: Mapping[str, bytes]) -> dict[str, bytes]:
    """As a website serves them: square, small, compressed."""
    squares = {}
    for uri, photo in photos.items():
        with Image.open(io.BytesIO(photo)) as image:
            squares[uri] = jpeg(image.resize((256, 256)), 75, image.getexif())
    return squares


def jpeg(image: Image.Image, quality: int, exif: Image.Exif) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()


def side(name: str, photos: Mapping[str, bytes]) -> Side:
    """Measured as ingest does; 8 x 8 colours stand in for an embedding."""
    data = list(photos.values())
    digests = [hashlib.sha256(photo).hexdigest() for photo in data]
    frame = pd.DataFrame(measure([sample_pixels(photo, 10**8) for photo in data])).assign(
        uri=list(photos), digest=digests, label=[uri.split("/")[2] for uri in photos], embedding=[colours(photo) for photo in data]
    )
    by_digest = dict(zip(digests, data, strict=True))
    return Side(name, frame, lambda wanted: ((digest, by_digest[digest]) for digest in wanted if digest in by_digest), "colours")


def colours(photo: bytes) -> list[float]:
    with Image.open(io.BytesIO(photo)) as image:
        return (np.asarray(image.convert("RGB").resize((8, 8)), np.float32) / 255).ravel().tolist()


def render(case: Case, baseline: Side) -> str:
    new = side(case.name, case.new)
    as_baseline = {"kind": "serving", "version": "7", "photos": len(baseline.rows)}
    compared = compare_sides(replace(baseline, as_baseline=as_baseline), new, Policy())
    compared = replace(compared, review=with_harm(compared, case.harm))
    accept = ("flowers review accept 4 --all-findings --reason TEXT --by NAME",) if compared.review.verdict == "blocked" else ()
    context = Context("span-4", RUN, CREATED, "7", "1.2.3", spans=(4,), commands=accept)
    return render_html(compared.review, compared.baseline.rows, new.rows, compared.thumbnails(), context)


def with_harm(compared: Comparison, harm: Mapping[str, Any] | None) -> Review:
    """With findings on the loss of accuracy, as `performance_findings` makes them from answers: overall, and of a class with a loss."""
    review = replace(compared.review, new={"spans": [4], "photos": compared.review.new["photos"]}, harm=harm)
    if harm is None or harm["difference_interval"][1] >= 0:
        return review
    review = replace(review, groups=tuple({**group, "accuracy": ACCURACY_OF_GROUP} for group in review.groups))
    loss = 100 * (harm["baseline_accuracy"] - harm["accuracy"])
    findings = [performance("accuracy", "worse", "", loss, compared.new, harm)]
    for name, part in harm["per_class"].items():
        if part["baseline_accuracy"] - part["accuracy"] > loss / 100:
            loss_of_class = 100 * (part["baseline_accuracy"] - part["accuracy"])
            findings.append(performance(f"class:{name}", "worse_class", name, loss_of_class, compared.new, part))
    return review.with_findings(findings)


def performance(end: str, text: str, name: str, loss: float, new: Side, part: Mapping[str, Any]) -> Finding:
    """Its examples: photos of the class, as if the model had taken each for the next class."""
    photos = new.rows[new.rows["label"] == name] if name else new.rows
    facts: dict[str, Any] = {
        "text": text,
        **({"name": name} if name else {}),
        "new": 100 * part["accuracy"],
        "photos": len(photos),
        "old": 100 * part["baseline_accuracy"],
        "old_photos": BASELINE_PHOTOS // 10,
        "drop": loss,
        "least": loss / 3,
        "most": 2 * loss,
        "confidence": 99,
    }
    message = MESSAGES.message(facts)
    wrong = photos.iloc[:: max(1, len(photos) // 12)].head(12)
    following = dict(zip(CLASSES, (*CLASSES[1:], CLASSES[0]), strict=True))
    examples = tuple(Example(row.uri, row.digest, row.label, following[row.label]) for row in wrong.itertuples())
    return Finding(
        f"performance:{end}", "warn", "performance", "accuracy", message, loss / 3, None, loss, "points", 0.0, examples, facts=facts
    )


def take_picture(chromium: str, page: Path, picture: Path, home: Path, size: tuple[int, int] = SIZE) -> None:
    shot = home / "shot.png"
    flags = [*CHROMIUM_FLAGS[:-1], f"--window-size={size[0]},{size[1]}", f"--user-data-dir={home}/profile"]
    subprocess.run([chromium, *flags, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True, timeout=60)
    write_small_png(shot, picture)


if __name__ == "__main__":
    main()
