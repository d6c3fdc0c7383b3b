"""Where files lie: paths on disk and in buckets, writing aside and renaming, locks, leases, and the stores behind gs:// and s3://."""

from flowers_tfx.storage.paths import (
    BucketPath,
    StoragePath,
    beam_args,
    check_bucket,
    check_target,
    fetch,
    file_sizes,
    in_bucket,
    on_disk,
    reach_buckets,
    storage_path,
    written_whole,
)

__all__ = [
    "BucketPath",
    "StoragePath",
    "beam_args",
    "check_bucket",
    "check_target",
    "fetch",
    "file_sizes",
    "in_bucket",
    "on_disk",
    "reach_buckets",
    "storage_path",
    "written_whole",
]
