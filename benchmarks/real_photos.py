"""What benchmarks on real photos share: one thread a process, where photos and weights lie, and the options that name them.

Imported before NumPy, which reads the number of threads when it comes in.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# One process per core is faster than threads for one review.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

_SHARED = Path(os.environ.get("FLOWERS_SHARED", ROOT.parent / "shared")) / "data"


def photo_options(description: str | None) -> argparse.ArgumentParser:
    """With --photos and --weights."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=_SHARED / "flower_photos", help="a folder per class")
    weights = _SHARED / "weights" / "mobilenet_v2_0.35_224_imagenet_no_top.weights.h5"
    parser.add_argument("--weights", type=Path, default=weights, help="ImageNet weights of MobileNetV2 0.35")
    return parser


def are_there(photos: Path, weights: Path) -> bool:
    """Says that the benchmark is skipped if they are not."""
    if photos.is_dir() and weights.is_file():
        return True
    print(f"skipped: no photos in {photos} or no weights at {weights}")
    return False
