"""What a node's outputs say, whichever runner ran it: values without places and times, so that equal results have equal digests."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# Place, time, the number of a registry version, which is a time, or digests of a SavedModel, whose graph has other bytes each time.
VOLATILE = frozenset({"created", "run_id", "data_root", "seconds", "version", "model_version", "push_id", "page", "digests", "saved_model"})
# Drawn for people, from values that are compared besides; graphs and logs whose bytes name places, times or the order of construction;
# published.json and registry.json, whose digests cover a push id that is drawn by lot; a version's card, which names version and digests.
LEFT_OUT = ("report.html", "report.md", "*.tfrecord", "events.out.tfevents.*", "saved_model.pb", "fingerprint.pb")
LEFT_OUT += ("eval_config.json", "published.json", "registry.json", "variables.index", "card.json", "card.html")
# Beside the number of a version: digests of all its bytes, the push id and the graph among them.
OF_A_VERSION = frozenset({"digest", "data"})
VERSION_IN_TEXT = re.compile(r"\bversion \d+")
# The order in which Beam adds numbers up is not fixed, so the last digits of a mean are not either.
DECIMALS = 6


def digests(outputs: Mapping[str, Path]) -> dict[str, str]:
    """A digest of each output that has stable content, from the folder or file of each."""
    found = {key: content(path) for key, path in sorted(outputs.items())}
    return {key: digest(value) for key, value in found.items() if value}


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def content(path: Path) -> dict[str, Any]:
    """By file; TFX's runners keep a value as the file `value` of a folder, or as the file itself."""
    if path.is_file():
        return {"value": _of(path)}
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and not any(file.match(pattern) for pattern in LEFT_OUT)]
    if [file.name for file in files] == ["value"]:
        return {"value": _of(files[0])}
    found = {str(file.relative_to(path)): _of(file) for file in files if file.suffix != ".gz"}
    # An engine cuts a split into as many shards as it likes.
    for folder in sorted({file.parent for file in files if file.suffix == ".gz"}):
        found[str(folder.relative_to(path) / "*.gz")] = _records(folder.glob("*.gz"))
    return found


def stable(value: Any) -> Any:
    """Without what is volatile, and with rounded numbers."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, str):
        return VERSION_IN_TEXT.sub("version", value)
    if isinstance(value, dict):
        # The digest of a review covers the version that was asked what the photos cost it.
        harm = value.get("harm")
        of_a_version = value.get("version") is not None or (isinstance(harm, dict) and harm.get("version") is not None)
        dropped = VOLATILE | OF_A_VERSION if of_a_version else VOLATILE
        return {key: stable(below) for key, below in value.items() if key not in dropped}
    return [stable(below) for below in value] if isinstance(value, list) else value


def _of(file: Path) -> Any:
    if file.name.startswith("variables.data"):
        return _weights(file.parent / "variables")
    if file.name == "FeatureStats.pb":
        return _statistics(file)
    if file.name == "schema.pbtxt":
        return _schema(file)
    if file.suffix == ".parquet":
        return _rows(file)
    data = file.read_bytes()
    try:
        return stable(json.loads(data))
    except ValueError:
        return hashlib.sha256(data).hexdigest()


def _records(shards: Iterable[Path]) -> list[str]:
    """Of Examples by value: neither the order of records counts nor that of features in one, which Transform leaves open."""
    from tensorflow.core.example.example_pb2 import Example

    from flowers_tfx.tfrecords import read_records

    found = []
    for shard in shards:
        with gzip.open(shard) as records:
            examples = (Example.FromString(record).SerializeToString(deterministic=True) for record in read_records(records))
            found += [hashlib.sha256(example).hexdigest() for example in examples]
    return sorted(found)


def _rows(file: Path) -> list[str]:
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(file).to_pylist()
    return sorted(hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest() for row in rows)


def _statistics(file: Path) -> Any:
    """TFDV lists features in the order in which its workers met them, and adds up in none."""
    from google.protobuf.json_format import MessageToDict
    from tensorflow_metadata.proto.v0 import statistics_pb2

    statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
    return stable([MessageToDict(feature) for part in statistics.datasets for feature in _by_name(part.features)])


def _schema(file: Path) -> Any:
    """Features and domains are in the order of the statistics that it was made from."""
    from google.protobuf import text_format
    from google.protobuf.json_format import MessageToDict
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = text_format.Parse(file.read_text(encoding="utf-8"), schema_pb2.Schema())
    schema.feature.sort(key=lambda feature: feature.name)
    schema.string_domain.sort(key=lambda domain: domain.name)
    return MessageToDict(schema)


def _by_name(features: Any) -> list[Any]:
    return sorted(features, key=lambda feature: (list(feature.path.step), feature.name))


def _weights(checkpoint: Path) -> dict[str, str]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(checkpoint))
    names = [name for name in reader.get_variable_to_shape_map() if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]
    return {name: hashlib.sha256(reader.get_tensor(name).tobytes()).hexdigest() for name in names}
