"""What the data review of a large span costs: CPU seconds and memory of its steps, by the number of Examples.

    python benchmarks/review_cost.py [--sizes 10000,30000,100000] [--weights FILE] [--json]

The span is made of generated pictures, repeated with properties and hashes of their own; the steps are those of DriftValidator and
DataReview, one after the other, against a baseline sample of 2,000. Each size runs in a process of its own, which
reports its peak memory. The last column is the growth from the first size to the last.
Without weights the embeddings are random numbers: reading the photos for them is measured, the network is not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"
PICTURES = 200


def made_span(root: Path, examples: int, number: int) -> Any:
    """A span as ingest writes it, without its hours."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from flowers_tfx import features
    from flowers_tfx.data import records, spans
    from flowers_tfx.data.pixel_sample import sample_pixels
    from flowers_tfx.data.properties import measure
    from flowers_tfx.samples.draw import draw_samples

    draw_samples(root / f"pictures-{number}", PICTURES // 5, number)
    files = sorted((root / f"pictures-{number}").glob("*/*.jpg"))
    data = [path.read_bytes() for path in files]
    base = pd.DataFrame(measure([sample_pixels(photo, 10**8) for photo in data])).assign(label=[path.parent.name for path in files])
    random = np.random.default_rng(number)
    chosen = np.arange(examples) % len(files)
    rows = base.iloc[chosen].reset_index(drop=True)
    for prop in features.PROPERTIES:
        if prop.kind == "float":
            rows[prop.name] = np.clip(rows[prop.name] * random.normal(1, 0.1, examples), prop.low, prop.high)
    rows["phash"] = [f"{value:016x}" for value in random.integers(0, 2**63, examples)]
    rows["digest"] = [hashlib.sha256(f"{number}-{i}".encode()).hexdigest() for i in range(examples)]
    rows["uri"], rows["split"], rows["span"] = [f"{number}-{i}.jpg" for i in range(examples)], "train", number
    folder = root / f"span-{number}"
    folder.mkdir()
    table = pa.Table.from_pandas(rows[spans.photos_schema().names], spans.photos_schema(), preserve_index=False)
    pq.write_table(table, folder / spans.PHOTOS)
    with (folder / "train-00000-of-00001.tfrecord.gz").open("wb") as out:
        writer = records.RecordWriter(out)
        for digest, at in zip(rows["digest"], chosen, strict=True):
            writer.write(records.example_bytes({"digest": digest, "image": data[at]}))
        writer.close()
    (folder / spans.REJECTS).write_text("")
    manifest = {"format_version": spans.FORMAT_VERSION, "span": number, "digest": f"made-{number}", "examples": examples, "rejected": 0}
    (folder / spans.MANIFEST).write_text(json.dumps({**manifest, "duplicates": 0}))
    return spans.list_spans(root)[-1]


class RandomEmbedder:
    """Random numbers as long as those of the network."""

    name = "random"

    def __call__(self, photos: Sequence[bytes]) -> Any:
        import numpy as np

        return np.random.default_rng(0).normal(0, 1, (len(photos), 1280)).astype(np.float32)


def cost(examples: int, weights: str) -> dict[str, float]:
    from flowers_tfx.review.comparison import Comparison, compare_sides
    from flowers_tfx.review.embeddings import embed_side
    from flowers_tfx.review.report import Context, render_html
    from flowers_tfx.review.sides import spans_side
    from flowers_tfx.review.tfdv_distances import tfdv_distances
    from flowers_tfx.validation import Policy

    seconds: dict[str, float] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        seconds[name] = round(time.process_time() - began, 2)

    embed: Any = RandomEmbedder()
    if weights:
        from flowers_tfx.config import ModelConfig
        from flowers_tfx.model.embedding import Embedder

        embed = Embedder(ModelConfig(weights=weights))
    with tempfile.TemporaryDirectory() as folder:
        old_span, span = made_span(Path(folder), 2000, 1), made_span(Path(folder), examples, 2)
        policy = Policy()
        old = embed_side(spans_side([old_span]), embed, policy.sample)
        began = time.monotonic()
        with timed("read rows"):
            new = spans_side([span])
        with timed("embeddings"):
            new = embed_side(new, embed, policy.sample)
        with timed("tests and facts"):
            review = compare_sides(old, new, policy).review
        with timed("TFDV's scores"):
            review = review.with_scores(tfdv_distances(old.rows, new.rows))
        with timed("thumbnails"):
            small = Comparison(review, old, new).thumbnails()
        with timed("report"):
            page = render_html(review, old.rows, new.rows, small, Context())
        wall = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    totals = {"all": round(sum(seconds.values()), 2), "all, wall time": round(wall, 2)}
    return {"examples": examples, **seconds, **totals, "peak_gib": round(peak, 2), "page_mb": len(page) / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,30000,100000")
    parser.add_argument("--weights", default=str(SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    weights = args.weights if Path(args.weights).is_file() else ""
    if args.one:
        print(json.dumps(cost(args.one, weights)))
        return
    rows = []
    for size in args.sizes.split(","):
        command = [sys.executable, __file__, "--one", size, "--weights", args.weights]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{size} Examples: {rows[-1]['all']:.0f} s", file=sys.stderr, flush=True)
    if args.json:
        growth = {name: rows[-1][name] / rows[0][name] for name in rows[0] if rows[0][name]}
        print(json.dumps({"sizes": rows, "growth": growth}))
        return
    print("embeddings of the network" if weights else "no weights: embeddings are random numbers")
    print(f"{'':18}{'':{12 * len(rows)}}{'last / first':>14}")
    for name in rows[0]:
        growth = f"{rows[-1][name] / rows[0][name]:.2f}" if rows[0][name] else ""
        print(f"{name:18}" + "".join(f"{row[name]:>12g}" for row in rows) + f"{growth:>14}")


if __name__ == "__main__":
    main()
