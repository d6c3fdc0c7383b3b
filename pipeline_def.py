"""The whole DAG, wired once; every runner builds a config and calls `create_pipeline`."""

from __future__ import annotations

import json
from typing import Any

from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.components.transform.component import Transform
from tfx.dsl.components.base import executor_spec
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import trainer_pb2, transform_pb2

from flowers_tfx.code_digest import code_digest
from flowers_tfx.components.baseline import Baseline
from flowers_tfx.components.data_review import DataReview
from flowers_tfx.components.drift_validator import DriftValidator
from flowers_tfx.components.evaluator import Evaluator
from flowers_tfx.components.import_example_gen import ImportExampleGen
from flowers_tfx.components.import_schema_gen import ImportSchemaGen
from flowers_tfx.components.ingest_images import IngestImages
from flowers_tfx.components.publish_baseline import PublishBaseline
from flowers_tfx.components.pusher import Pusher
from flowers_tfx.components.select_inputs import SelectInputs
from flowers_tfx.components.trainer import TrainerExecutor
from flowers_tfx.config import PipelineConfig
from flowers_tfx.curated_schema import schema_text
from flowers_tfx.orchestration.settings import (
    beam_args,
    delivery_labels,
    metadata_connection,
    model_settings,
    pipeline_schema,
    recipe_digest,
    review_policy,
    reviews_root,
)


def create_pipeline(config: PipelineConfig, keep_reviews_in: str | None = None) -> tfx_pipeline.Pipeline:
    """The whole pipeline. `keep_reviews_in` is where reviews are kept besides the artifacts, "" for nowhere; by default a pipeline root
    that is a folder."""
    schema = pipeline_schema(config)
    labels = list(schema.labels)
    settings = model_settings(config, labels)
    recipe_settings = recipe_digest(settings, schema.proto)
    policy = review_policy(config, schema.proto).as_json()
    # The frozen backbone that embeds photos for the data review; how long it is trained does not matter there.
    embedding = json.dumps({key: settings[key] for key in ("labels", "model", "weights_digest")}, sort_keys=True)
    nodes: list[Any] = []

    # Optional: a data root can also be filled with `flowers ingest`.
    ingest = None
    if config.ingest.csv:
        ingest = IngestImages(
            csv=config.ingest.csv,
            labels=list(delivery_labels(config, labels)),
            data_root=config.data_root,
            split_salt=config.ingest.split_salt,
            shards=config.ingest.shards,
            max_pixels=config.ingest.max_pixels,
            code=code_digest("flowers_tfx.components.ingest_images"),
        )
        nodes.append(ingest)

    # The one node that looks at the data root and the registry: everything after it is a function of what it says.
    inputs = SelectInputs(
        data_root=config.data_root,
        registry=config.registry,
        span_window=config.span_window,
        labels=labels,
        settings_digest=recipe_settings,
    )
    if ingest is not None:
        inputs.add_upstream_node(ingest)
    window = inputs.outputs["window"].future()[0].value
    serving = inputs.outputs["baseline"].future()[0].value
    decisions = inputs.outputs["decisions"].future()[0].value

    examples = ImportExampleGen(data_root=config.data_root, window=window, code=code_digest("flowers_tfx.components.import_example_gen"))

    curated = ImportSchemaGen(schema_text=schema_text(schema.proto))

    # With the curated schema the photos' bytes are bytes; without it each would be a unique string to count.
    statistics = StatisticsGen(examples=examples.outputs["examples"], schema=curated.outputs["schema"])

    # Inferred, for people who want to see how the data differ from the curated schema; nothing is enforced by it.
    inferred = SchemaGen(statistics=statistics.outputs["statistics"], infer_feature_shape=True)

    validator = ExampleValidator(statistics=statistics.outputs["statistics"], schema=curated.outputs["schema"])

    baseline = Baseline(registry=config.registry, baseline=serving, labels=labels, code=code_digest("flowers_tfx.components.baseline"))

    drift = DriftValidator(
        data_root=config.data_root,
        window=window,
        baseline=serving,
        sample=baseline.outputs["sample"],
        baseline_schema=baseline.outputs["schema"],
        schema=curated.outputs["schema"],
        policy=policy,
        network=embedding,
        code=code_digest("flowers_tfx.components.drift_validator"),
    )

    # The gate: nothing is transformed or trained before the data passed it.
    review = DataReview(
        review=drift.outputs["review"],
        anomalies=validator.outputs["anomalies"],
        inferred_schema=inferred.outputs["schema"],
        schema=curated.outputs["schema"],
        data_root=config.data_root,
        window=window,
        decisions=decisions,
        reviews_root=reviews_root(config) if keep_reviews_in is None else keep_reviews_in,
        code=code_digest("flowers_tfx.components.data_review"),
    )

    transform = Transform(
        examples=examples.outputs["examples"],
        schema=curated.outputs["schema"],
        preprocessing_fn="flowers_tfx.model.preprocessing.preprocessing_fn",
        # Nothing is analysed over the data, and Evaluator reads the photos themselves.
        splits_config=transform_pb2.SplitsConfig(analyze=["train"], transform=["train", "eval"]),
        disable_statistics=True,
        custom_config={"image_size": config.model.image_size, "labels": labels, "code": code_digest("flowers_tfx.model.preprocessing")},
    )

    transform.add_upstream_node(review)

    trainer = Trainer(
        custom_executor_spec=executor_spec.ExecutorClassSpec(TrainerExecutor),
        run_fn="flowers_tfx.model.trainer.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=curated.outputs["schema"],
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
        custom_config={"settings": json.dumps(settings, sort_keys=True)},
    )

    evaluator = Evaluator(
        examples=examples.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["model"],
        schema=curated.outputs["schema"],
        labels=labels,
        min_accuracy=config.evaluation.min_accuracy,
        max_drop=config.evaluation.max_drop,
        code=code_digest("flowers_tfx.components.evaluator"),
    )

    pusher = Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        registry=config.registry,
        window=window,
        settings_digest=recipe_settings,
        code=code_digest("flowers_tfx.components.pusher"),
    )

    published = PublishBaseline(
        pushed_model=pusher.outputs["pushed_model"],
        statistics=statistics.outputs["statistics"],
        schema=curated.outputs["schema"],
        registry=config.registry,
        data_root=config.data_root,
        window=window,
        sample=config.review.sample,
        network=embedding,
        code=code_digest("flowers_tfx.components.publish_baseline"),
    )

    nodes += [inputs, examples, curated, statistics, inferred, validator, baseline, drift, review]
    nodes += [transform, trainer, evaluator, pusher, published]
    return tfx_pipeline.Pipeline(
        pipeline_name=config.name,
        pipeline_root=config.pipeline_root,
        components=nodes,
        enable_cache=True,
        metadata_connection_config=metadata_connection(config),
        beam_pipeline_args=beam_args(config),
    )
