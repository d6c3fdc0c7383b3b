"""The model registry: versions with their records, the baselines beside them, and how both are published."""

from flowers_tfx.registry.baselines import (
    BASELINE_FILE,
    NO_BASELINE,
    baseline_digest,
    baseline_files_digest,
    baseline_is_whole,
    baseline_push_id,
    no_baseline_reason,
    write_no_baseline_reason,
)
from flowers_tfx.registry.publishing import publish, publish_baseline
from flowers_tfx.registry.versions import (
    BASELINE_DIR,
    ENTRY_FILE,
    Entry,
    damage,
    entry,
    files_digest,
    local_model,
    model_digest,
    newest_model,
    newest_with_fingerprint,
    newest_with_other_fingerprint,
    version_path,
    versions,
)

__all__ = [
    "BASELINE_DIR",
    "BASELINE_FILE",
    "ENTRY_FILE",
    "NO_BASELINE",
    "Entry",
    "baseline_digest",
    "baseline_files_digest",
    "baseline_is_whole",
    "baseline_push_id",
    "damage",
    "entry",
    "files_digest",
    "local_model",
    "model_digest",
    "newest_model",
    "newest_with_fingerprint",
    "newest_with_other_fingerprint",
    "no_baseline_reason",
    "publish",
    "publish_baseline",
    "version_path",
    "versions",
    "write_no_baseline_reason",
]
