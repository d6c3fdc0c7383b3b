"""Where files lie: paths on disk and in buckets, writing aside and renaming, locks, leases, and the stores behind gs:// and s3://."""

from flowers_tfx.storage.paths import (
    BucketPath,
    Place,
    beam_args,
    check_bucket,
    check_target,
    fetch,
    file_sizes,
    in_bucket,
    on_disk,
    place,
    reach_buckets,
    written_whole,
)

__all__ = [
    "BucketPath",
    "Place",
    "beam_args",
    "check_bucket",
    "check_target",
    "fetch",
    "file_sizes",
    "in_bucket",
    "on_disk",
    "place",
    "reach_buckets",
    "written_whole",
]
