"""The options with which a watcher calls `flowers ingest` and `flowers run` besides its own."""

from __future__ import annotations

from flowers_tfx.config import PipelineConfig
from flowers_tfx.curated_schema import curated_schema, labels_of
from flowers_tfx.data.delivery import read_labels
from flowers_tfx.storage import storage_path


def delivery_options(config: PipelineConfig) -> list[str]:
    """`ingest.csv` and `ingest.labels` describe a delivery by hand, which may have fewer classes than the pipeline. A labels file with
    classes that the schema lacks makes them the pipeline's, as in a run by hand. Raises InputError for one that cannot be read."""
    options = ["--set", "ingest.labels="]
    path = config.ingest.labels
    if config.labels or not path or not storage_path(path).is_file():
        return options
    if set(read_labels(path)) <= set(labels_of(curated_schema(config.schema_path))):
        return options
    return [*options, "--set", f"labels={path}"]
