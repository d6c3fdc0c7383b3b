"""A PipelineConfig in the terms of TFX: class order, what makes a model, Beam's options, ML Metadata's connection."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import schema_pb2

from flowers_tfx import storage
from flowers_tfx.code_digest import code_digest
from flowers_tfx.config import ModelConfig, PipelineConfig
from flowers_tfx.config.training import SERVING
from flowers_tfx.curated_schema import curated_schema, drift_levels, labels_of, schema_text
from flowers_tfx.data.delivery import read_labels
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.engines import beam_options
from flowers_tfx.selection import settings_digest
from flowers_tfx.validation.policy import Policy

TUNER = "flowers_tfx.components.tuner"


@dataclass(frozen=True)
class PipelineSchema:
    proto: schema_pb2.Schema
    labels: tuple[str, ...]


@dataclass(frozen=True)
class NodeSettings:
    """Values that nodes derive from the whole configuration. `delivery_labels`: the classes that a delivery may hold; `digest`: of all that
    makes a model besides its data; `embedding_network`: the frozen backbone that embeds photos for the data review, as JSON; `warm_start`:
    the shape of the network, if it starts from the serving model's weights."""

    labels: list[str]
    delivery_labels: list[str]
    schema_text: str
    model: Mapping[str, Any]
    digest: str
    policy: str
    embedding_network: str
    warm_start: Mapping[str, Any]


def pipeline_schema(config: PipelineConfig) -> PipelineSchema:
    """The curated schema with the config's classes, and their order."""
    proto = curated_schema(config.schema_path, _configured_labels(config))
    return PipelineSchema(proto, labels_of(proto))


def delivery_labels(config: PipelineConfig, labels: list[str]) -> list[str]:
    """Classes that a delivery may hold. Raises InputError when its labels file names one that the pipeline does not know."""
    if not config.ingest.labels:
        return labels
    file_labels = list(read_labels(config.ingest.labels))
    unknown = [label for label in file_labels if label not in labels]
    if unknown:
        raise InputError(
            f"The labels file {config.ingest.labels} names {unknown[0]!r}, none of the pipeline's classes ({', '.join(labels)}).",
            "Set the configuration key `labels` to the same file.",
        )
    return file_labels


def model_settings(config: PipelineConfig, labels: list[str]) -> dict[str, Any]:
    """Everything that a model depends on besides its data, as plain values: settings, class order, weights and code by their digests."""
    settings = {
        "labels": labels,
        "model": config.model.model_dump(),
        "training": config.training.model_dump(mode="json"),
        "unknown": config.unknown.model_dump(),
        "export": config.export.model_dump(),
        "weights_digest": _weights_digest(config.model),
        "code": code_digest("flowers_tfx.model.trainer"),
    }
    # The best settings follow from the data and these: they need not be known to name what a model is made of (docs/adr/0029).
    return {**settings, "tuning": {**config.tuning.plain, "code": code_digest(TUNER)}} if config.tuning.trials else settings


def tuner_settings(model: Mapping[str, Any]) -> dict[str, Any]:
    """Of `model_settings`, what a search depends on."""
    tuning = {key: value for key, value in model.get("tuning", {}).items() if key != "code"}
    return {**{key: model[key] for key in ("labels", "model", "training", "weights_digest")}, "tuning": tuning}


def model_settings_digest(settings: Mapping[str, Any], schema: schema_pb2.Schema) -> str:
    """Digest of all that makes a model besides its data. Weights enter by content, not by path."""
    model = {**settings["model"], "weights": settings["weights_digest"] or settings["model"]["weights"]}
    return settings_digest({**settings, "model": model, "schema": schema_text(schema)})


def network_shape(model: ModelConfig) -> dict[str, Any]:
    """What a model must have in common with a candidate that starts from its weights, besides the classes."""
    return {"backbone": model.backbone, "alpha": model.alpha, "image_size": model.image_size}


def node_settings(config: PipelineConfig) -> NodeSettings:
    """Raises InputError for classes or weights that cannot be used."""
    schema = pipeline_schema(config)
    labels = list(schema.labels)
    model = model_settings(config, labels)
    return NodeSettings(
        labels=labels,
        delivery_labels=delivery_labels(config, labels) if config.ingest.csv else labels,
        schema_text=schema_text(schema.proto),
        model=model,
        digest=model_settings_digest(model, schema.proto),
        policy=review_policy(config, schema.proto).as_json(),
        # The training settings do not affect embeddings.
        embedding_network=json.dumps({key: model[key] for key in ("labels", "model", "weights_digest")}, sort_keys=True),
        warm_start=network_shape(config.model) if config.training.start == SERVING else {},
    )


def review_policy(config: PipelineConfig, schema: schema_pb2.Schema) -> Policy:
    """The configuration's review settings, completed with the levels that the schema gives to features."""
    return Policy.of_config(config.review, drift_levels(schema))


def beam_args(config: PipelineConfig) -> list[str]:
    """Beam's options for every node that runs on Beam. Raises InputError for keys that do not fit the engine."""
    return beam_options(config.beam)


def with_s3_endpoint(config: PipelineConfig) -> PipelineConfig:
    """The config with what the environment says of s3:// among Beam's options, for workers that have another environment. A compiled
    package must not depend on the machine that compiles it: its steps have an environment of their own."""
    options = (*storage.s3_beam_args(), *config.beam.options)
    return config.model_copy(update={"beam": config.beam.model_copy(update={"options": options})})


def metadata_connection(config: PipelineConfig) -> metadata_store_pb2.ConnectionConfig:
    """ML Metadata in a SQLite file, by default in the pipeline root, or in a MySQL database. Raises InputError on anything else."""
    connection = metadata_store_pb2.ConnectionConfig()
    if config.metadata.startswith("mysql://"):
        _mysql(config.metadata, connection.mysql)
    elif "://" in config.metadata:
        raise InputError(
            f"The metadata address {config.metadata.split('://')[0]}://... is not supported.",
            "Name a SQLite file or mysql://USER@HOST/DATABASE.",
        )
    else:
        path = Path(config.metadata) if config.metadata else Path(config.pipeline_root) / "metadata.sqlite"
        connection.sqlite.filename_uri = str(path)
        connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return connection


def _mysql(address: str, config: metadata_store_pb2.MySQLDatabaseConfig) -> None:
    """The password comes from the environment, FLOWERS_METADATA_PASSWORD: configurations are kept in files and logs."""
    parts = urlsplit(address)
    if not parts.hostname or not parts.path.strip("/"):
        raise InputError("The metadata address names no host or no database.", "Write mysql://USER@HOST:3306/DATABASE.")
    if parts.password:
        raise InputError("The metadata address holds a password.", "Leave it out and set FLOWERS_METADATA_PASSWORD in the environment.")
    config.host, config.port, config.database = parts.hostname, parts.port or 3306, parts.path.strip("/")
    config.user = unquote(parts.username or "")
    config.password = os.environ.get("FLOWERS_METADATA_PASSWORD", "")


def _configured_labels(config: PipelineConfig) -> tuple[str, ...]:
    """Class names as listed, or those of the file that the one entry names. If empty, the schema's classes, unless the delivery has
    classes that the schema lacks."""
    if len(config.labels) == 1:
        return tuple(read_labels(config.labels[0]))
    if not config.labels and config.ingest.csv and config.ingest.labels:
        file_labels = tuple(read_labels(config.ingest.labels))
        return () if set(file_labels) <= set(labels_of(curated_schema(config.schema_path))) else file_labels
    return config.labels


def _weights_digest(model: ModelConfig) -> str:
    """sha256 of a local weights file: other weights in a file of the same name give another model. Empty without a local file."""
    path = model.weights_path
    if path is None:
        return ""
    if not path.is_file():
        raise InputError(f"The weights {path} do not exist.", "Name an .h5 file with model.weights, or use imagenet or none.")
    return storage.file_sha256(path)
