"""Files on disks and in buckets: paths, atomic writes, locks, and the stores behind gs:// and s3://."""

from flowers_tfx.storage.atomic_writes import (
    atomic_file,
    atomic_folder,
    check_target,
    is_unfinished,
    output_file,
    remove_unfinished,
    rename_folder,
    require_empty,
    unfinished_path,
)
from flowers_tfx.storage.bucket_path import BucketPath
from flowers_tfx.storage.locks import Lock, append_line, check_bucket, is_locked, lock, try_lock, update_file
from flowers_tfx.storage.paths import StoragePath, fetch, file_sha256, file_sizes, in_bucket, local_file, storage_path
from flowers_tfx.storage.s3_endpoint import configure_beam_worker, endpoint_url, s3_beam_args

__all__ = [
    "BucketPath",
    "Lock",
    "StoragePath",
    "append_line",
    "atomic_file",
    "atomic_folder",
    "check_bucket",
    "check_target",
    "configure_beam_worker",
    "endpoint_url",
    "fetch",
    "file_sha256",
    "file_sizes",
    "in_bucket",
    "is_locked",
    "is_unfinished",
    "local_file",
    "lock",
    "output_file",
    "remove_unfinished",
    "rename_folder",
    "require_empty",
    "s3_beam_args",
    "storage_path",
    "try_lock",
    "unfinished_path",
    "update_file",
]
