"""The whole DAG, wired once; every runner builds a config and calls `create_pipeline`."""

from __future__ import annotations

from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.orchestration import pipeline as tfx_pipeline

from flowers_tfx.components.baseline import Baseline
from flowers_tfx.components.data_gate import DataGate
from flowers_tfx.components.data_review import DataReview
from flowers_tfx.components.drift_validator import DriftValidator
from flowers_tfx.components.evaluator import Evaluator
from flowers_tfx.components.explainer import Explainer
from flowers_tfx.components.import_example_gen import ImportExampleGen
from flowers_tfx.components.import_schema_gen import ImportSchemaGen
from flowers_tfx.components.ingest_images import IngestImages
from flowers_tfx.components.nodes import Nodes
from flowers_tfx.components.parity_validator import ParityValidator
from flowers_tfx.components.publish_baseline import PublishBaseline
from flowers_tfx.components.pusher import Pusher
from flowers_tfx.components.select_inputs import SelectInputs
from flowers_tfx.components.trainer import Trainer
from flowers_tfx.components.transform import Transform
from flowers_tfx.components.tuner import Tuner
from flowers_tfx.config import PipelineConfig
from flowers_tfx.orchestration.node_caching import limit_staleness
from flowers_tfx.orchestration.settings import NodeSettings, beam_args, metadata_connection, node_settings, tuner_settings
from flowers_tfx.orchestration.tuned_settings import resolve_tuning


def create_pipeline(config: PipelineConfig, reviews_root: str = "") -> tfx_pipeline.Pipeline:
    """The whole pipeline. Reviews are kept below `reviews_root`, by default the data root of the run, which every step can reach."""
    config = resolve_tuning(config)
    settings = node_settings(config)
    nodes = Nodes()
    _add_inputs(nodes, config, settings)
    _add_schema_checks(nodes)
    _add_data_review(nodes, config, settings, reviews_root)
    _add_training(nodes, config, settings)
    _add_publication(nodes, config, settings)
    _add_explanations(nodes, config)
    # Cached results expire where the configuration says so.
    limit_staleness(nodes, config.caching)
    return tfx_pipeline.Pipeline(
        pipeline_name=config.name,
        pipeline_root=config.pipeline_root,
        components=list(nodes),
        enable_cache=True,
        metadata_connection_config=metadata_connection(config),
        beam_pipeline_args=beam_args(config),
    )


def _add_inputs(nodes: Nodes, config: PipelineConfig, settings: NodeSettings) -> None:
    # Optional: a data root can also be filled with `flowers ingest`.
    if config.ingest.csv:
        nodes.add(
            IngestImages(
                csv=config.ingest.csv,
                labels=settings.delivery_labels,
                data_root=config.data_root,
                split_salt=config.ingest.split_salt,
                shards=config.ingest.shards,
                max_pixels=config.ingest.max_pixels,
            )
        )
    # The only node that reads the data root and the registry: all later nodes are functions of its outputs.
    nodes.add(
        SelectInputs(
            data_root=config.data_root,
            registry=config.registry,
            span_window=str(config.span_window),
            labels=settings.labels,
            settings_digest=settings.digest,
            durations=config.caching.periods(),
            warm_start=settings.warm_start,
            approvals=config.review.approvals,
        ),
        after=[IngestImages],
    )
    # The photos of the window's spans.
    nodes.add(ImportExampleGen(data_root=config.data_root, window=nodes.value(SelectInputs, "window")))
    # The curated schema, which is enforced.
    nodes.add(ImportSchemaGen(schema_text=settings.schema_text))


def _add_schema_checks(nodes: Nodes) -> None:
    curated = nodes.output(ImportSchemaGen, "schema")
    # With the curated schema the photos' bytes are bytes; without it each would be a unique string to count.
    nodes.add(StatisticsGen(examples=nodes.output(ImportExampleGen, "examples"), schema=curated))
    statistics = nodes.output(StatisticsGen, "statistics")
    # Inferred, to show how the data differ from the curated schema; it enforces nothing.
    nodes.add(SchemaGen(statistics=statistics, infer_feature_shape=True))
    # Anomalies do not stop the run here: DataReview turns them into findings.
    nodes.add(ExampleValidator(statistics=statistics, schema=curated))


def _add_data_review(nodes: Nodes, config: PipelineConfig, settings: NodeSettings, reviews_root: str) -> None:
    window, serving = nodes.value(SelectInputs, "window"), nodes.value(SelectInputs, "baseline")
    # The serving model, and a sample of the photos that it was trained on.
    nodes.add(Baseline(registry=config.registry, baseline=serving, labels=settings.labels))
    # New photos against the serving model's, and what they cost that model.
    nodes.add(
        DriftValidator(
            data_root=config.data_root,
            window=window,
            baseline=serving,
            model=nodes.output(Baseline, "model"),
            sample=nodes.output(Baseline, "sample"),
            baseline_schema=nodes.output(Baseline, "schema"),
            schema=nodes.output(ImportSchemaGen, "schema"),
            policy=settings.policy,
            network=settings.embedding_network,
        )
    )
    # What reviewers read, with the decisions that they took.
    nodes.add(
        DataReview(
            review=nodes.output(DriftValidator, "review"),
            anomalies=nodes.output(ExampleValidator, "anomalies"),
            inferred_schema=nodes.output(SchemaGen, "schema"),
            schema=nodes.output(ImportSchemaGen, "schema"),
            data_root=config.data_root,
            window=window,
            decisions=nodes.value(SelectInputs, "decisions"),
            approvals=config.review.approvals,
            reviews_root=reviews_root,
            language=config.review.language,
        )
    )
    # Nothing is transformed or trained before the data passed the gate.
    nodes.add(DataGate(summary=nodes.output(DataReview, "summary"), verdict=nodes.value(DataReview, "verdict")))


def _add_training(nodes: Nodes, config: PipelineConfig, settings: NodeSettings) -> None:
    examples, curated = nodes.output(ImportExampleGen, "examples"), nodes.output(ImportSchemaGen, "schema")
    # Fixed-size pictures, made once, by the graph that serves too.
    nodes.add(
        Transform(examples=examples, schema=curated, image_size=config.model.image_size, labels=settings.labels),
        after=[DataGate],
    )
    # Optional: the best settings of a few dozen trials.
    if config.tuning.trials:
        nodes.add(Tuner(examples=nodes.output(Transform, "transformed_examples"), settings=tuner_settings(settings.model)))
    # The candidate.
    nodes.add(
        Trainer(
            examples=nodes.output(Transform, "transformed_examples"),
            transform_graph=nodes.output(Transform, "transform_graph"),
            schema=curated,
            settings=settings.model,
            # With `training.start: serving` its weights are those of the serving model at first.
            start=nodes.output(Baseline, "model") if settings.warm_start else None,
            hyperparameters=nodes.output(Tuner, "best_hyperparameters") if config.tuning.trials else None,
        )
    )
    # Nothing is evaluated that TensorFlow Serving and `flowers predict` would answer differently.
    nodes.add(ParityValidator(model=nodes.output(Trainer, "model"), examples=examples))
    # Blesses the candidate: absolute floors, and a largest drop from the serving model.
    nodes.add(
        Evaluator(
            examples=examples,
            model=nodes.output(Trainer, "model"),
            certificate=nodes.output(ParityValidator, "certificate"),
            baseline_model=nodes.output(Baseline, "model"),
            schema=curated,
            labels=settings.labels,
            min_accuracy=config.evaluation.min_accuracy,
            max_drop=config.evaluation.max_drop,
        )
    )


def _add_publication(nodes: Nodes, config: PipelineConfig, settings: NodeSettings) -> None:
    window = nodes.value(SelectInputs, "window")
    # A blessed candidate becomes the registry's next version, with its card.
    nodes.add(
        Pusher(
            model=nodes.output(Trainer, "model"),
            model_blessing=nodes.output(Evaluator, "blessing"),
            certificate=nodes.output(ParityValidator, "certificate"),
            evaluation=nodes.output(Evaluator, "evaluation"),
            data=nodes.output(DataReview, "data"),
            registry=config.registry,
            window=window,
            settings_digest=settings.digest,
            explained=config.explain.photos > 0,
        )
    )
    # What the next data review compares new photos with.
    nodes.add(
        PublishBaseline(
            pushed_model=nodes.output(Pusher, "pushed_model"),
            statistics=nodes.output(StatisticsGen, "statistics"),
            schema=nodes.output(ImportSchemaGen, "schema"),
            registry=config.registry,
            data_root=config.data_root,
            window=window,
            sample=config.review.sample,
            network=settings.embedding_network,
        )
    )


def _add_explanations(nodes: Nodes, config: PipelineConfig) -> None:
    # Optional: it takes minutes.
    if config.explain.photos:
        # The page that explains the candidate. After all that publishes: if it fails, the model serves all the same.
        nodes.add(
            Explainer(
                model=nodes.output(Trainer, "model"),
                examples=nodes.output(ImportExampleGen, "examples"),
                baseline_model=nodes.output(Baseline, "model"),
                pushed_model=nodes.output(Pusher, "pushed_model"),
                photos=config.explain.photos,
                method=config.explain.method,
                registry=config.registry,
            ),
            after=[PublishBaseline],
        )
