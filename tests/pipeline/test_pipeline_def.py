from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.compiler import compiler
from tfx.proto.orchestration import pipeline_pb2 as intermediate_pb2

from flowers_tfx.backbones import BACKBONES
from flowers_tfx.config import load_config
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.settings import node_settings
from pipeline_def import create_pipeline

NODES = [
    "SelectInputs",
    "ImportExampleGen",
    "ImportSchemaGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Baseline",
    "DriftValidator",
    "DataReview",
    "DataGate",
    "Transform",
    "Trainer",
    "ParityValidator",
    "Evaluator",
    "Pusher",
    "PublishBaseline",
    "Explainer",
]


def compiled(*overrides: str):
    return compiler.Compiler().compile(create_pipeline(load_config(None, overrides)))


def node_ids(ir) -> list[str]:
    return [node.pipeline_node.node_info.id for node in ir.nodes]


def upstream(ir) -> dict[str, set[str]]:
    return {node.pipeline_node.node_info.id: set(node.pipeline_node.upstream_nodes) for node in ir.nodes}


def properties(ir, node_id: str) -> dict[str, str]:
    node = next(n.pipeline_node for n in ir.nodes if n.pipeline_node.node_info.id == node_id)
    return {key: str(value) for key, value in node.parameters.parameters.items()}


@pytest.fixture()
def delivery(tmp_path: Path) -> list[str]:
    (tmp_path / "dict.txt").write_text("daisy\nroses\n")
    (tmp_path / "all.csv").write_text("")
    return [f"ingest.csv={tmp_path / 'all.csv'}", f"ingest.labels={tmp_path / 'dict.txt'}"]


def test_the_dag_without_a_delivery() -> None:
    ir = compiled()
    assert sorted(node_ids(ir)) == sorted(NODES)
    edges = upstream(ir)
    assert edges["SelectInputs"] == set()
    assert edges["ImportExampleGen"] == {"SelectInputs"}
    assert edges["StatisticsGen"] == {"ImportExampleGen", "ImportSchemaGen"}
    assert edges["ExampleValidator"] == {"StatisticsGen", "ImportSchemaGen"}
    assert edges["DriftValidator"] == {"SelectInputs", "Baseline", "ImportSchemaGen"}
    assert {"DriftValidator", "ExampleValidator", "SelectInputs"} <= edges["DataReview"]
    assert edges["DataGate"] == {"DataReview"}
    assert "DataGate" in edges["Transform"]
    assert {"Pusher", "StatisticsGen"} <= edges["PublishBaseline"]
    assert edges["Trainer"] == {"Transform", "ImportSchemaGen"}
    assert edges["Baseline"] == {"SelectInputs"}
    assert edges["ParityValidator"] == {"Trainer", "ImportExampleGen"}
    assert {"Trainer", "ParityValidator", "Baseline", "ImportExampleGen"} <= edges["Evaluator"]
    assert {"Trainer", "ParityValidator", "Evaluator", "DataReview"} <= edges["Pusher"]
    assert {"Trainer", "ImportExampleGen", "Baseline", "Pusher", "PublishBaseline"} == edges["Explainer"]
    assert not any("Explainer" in parents for parents in edges.values())


def test_a_delivery_adds_ingest_before_the_selection(delivery: list[str]) -> None:
    ir = compiled(*delivery)
    assert sorted(node_ids(ir)) == sorted(["IngestImages", *NODES])
    assert upstream(ir)["SelectInputs"] == {"IngestImages"}


def test_no_resolver_and_no_importer(delivery: list[str]) -> None:
    for node in compiled(*delivery).nodes:
        assert "Resolver" not in node.pipeline_node.node_info.type.name
        assert "Importer" not in node.pipeline_node.node_info.type.name


def test_the_same_config_compiles_to_the_same_pipeline() -> None:
    found = []
    for _ in range(2):
        ir = compiled("training.seed=5")
        deployment = intermediate_pb2.IntermediateDeploymentConfig()
        ir.deployment_config.Unpack(deployment)  # packed, its maps come in any order
        ir.ClearField("deployment_config")
        found.append((ir.SerializeToString(deterministic=True), deployment.SerializeToString(deterministic=True)))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("training.seed=1", {"SelectInputs", "Trainer", "Pusher"}),
        ("training.start=serving", {"SelectInputs", "Trainer", "Pusher"}),
        ("model.image_size=96", {"SelectInputs", "Transform", "Trainer", "Pusher", "DriftValidator", "PublishBaseline"}),
        ("review.alpha=0.02", {"DriftValidator"}),
        ("evaluation.min_accuracy=0.7", {"Evaluator"}),
        ("span_window=2", {"SelectInputs"}),
        ("explain.photos=5", {"Explainer"}),
        ("explain.method=ig", {"Explainer"}),
        (
            "labels=roses,daisy",
            {*NODES}
            - {
                "ImportExampleGen",
                "StatisticsGen",
                "SchemaGen",
                "ExampleValidator",
                "DataReview",
                "DataGate",
                "ParityValidator",
                "Explainer",
            },
        ),
        ("beam.workers=2", set()),
        ("ingest.shards=7", set()),
    ],
)
def test_a_setting_reaches_the_nodes_that_it_matters_to(override: str, changed: set[str]) -> None:
    """SelectInputs takes the digest of the settings: it has to recognize a model with the same fingerprint."""
    before, after = compiled(), compiled(override)
    assert {n for n in node_ids(before) if properties(before, n) != properties(after, n)} == changed


def test_a_warm_start_reads_the_serving_model() -> None:
    assert upstream(compiled("training.start=serving"))["Trainer"] == {"Transform", "ImportSchemaGen", "Baseline"}


def test_without_explained_photos_there_is_no_page() -> None:
    """Pusher's card then links to none."""
    without, whole = compiled("explain.photos=0"), compiled()
    assert sorted(node_ids(without)) == sorted(set(NODES) - {"Explainer"})
    assert {n for n in node_ids(without) if properties(without, n) != properties(whole, n)} == {"Pusher"}


def test_a_search_stands_before_trainer_and_is_part_of_the_recipe() -> None:
    without, searched = compiled(), compiled("tuning.trials=5")
    assert sorted(node_ids(searched)) == sorted([*NODES, "Tuner"])
    edges = upstream(searched)
    assert edges["Tuner"] == {"Transform"}
    assert edges["Trainer"] == {"Transform", "ImportSchemaGen", "Tuner"}
    assert {n for n in NODES if properties(without, n) != properties(searched, n)} == {"SelectInputs", "Trainer", "Pusher"}
    more, kept = compiled("tuning.trials=6"), compiled("tuning.trials=5", "unknown.refused=0.1")
    nodes = node_ids(searched)
    assert {n for n in nodes if properties(more, n) != properties(searched, n)} == {"SelectInputs", "Tuner", "Trainer", "Pusher"}
    assert properties(kept, "Tuner") == properties(searched, "Tuner")
    unused = compiled("tuning.search=bayesian", "tuning.holdout=0.5")
    assert {n for n in NODES if properties(unused, n) != properties(without, n)} == set()


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["model.weights=none"], "no such stage"),
        (["training.head_epochs=0", "training.fine_tune_layers=all"], "no such stage"),
        (["tuning.search=hyperband"], "does not"),
        (["training.start=serving"], "not from the serving model"),
    ],
)
def test_a_search_whose_trials_would_train_nothing_is_refused(overrides: list[str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        compiled("tuning.trials=2", *overrides)


def test_label_order_is_the_schemas_not_the_deliverys(delivery: list[str], tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("tulips\ndaisy\n")
    labels = properties(compiled(*delivery), "Evaluator")["labels"]
    assert labels.index("daisy") < labels.index("dandelion") < labels.index("tulips")


def test_other_classes_come_from_the_delivery_or_the_config(delivery: list[str], tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("lily\niris\n")
    assert "lily" in properties(compiled(*delivery), "ImportSchemaGen")["schema_text"]
    with pytest.raises(InputError, match="'lily'"):
        compiled(*delivery, "labels=daisy,roses")


@pytest.mark.parametrize("metadata", ["postgres://x/y", "mysql://", "mysql://user:secret@host/db"])
def test_metadata_addresses_that_cannot_work_are_refused_without_repeating_a_password(metadata: str) -> None:
    with pytest.raises(InputError) as caught:
        compiled(f"metadata={metadata}")
    assert "secret" not in str(caught.value) + caught.value.hint


def test_mysql_takes_its_password_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWERS_METADATA_PASSWORD", "from-the-environment")
    pipeline = create_pipeline(load_config(None, ["metadata=mysql://me@host:3307/db"]))
    mysql = pipeline.metadata_connection_config.mysql
    assert (mysql.host, mysql.port, mysql.database, mysql.user) == ("host", 3307, "db", "me")
    assert mysql.password == "from-the-environment"


def test_missing_weights_are_found_out_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not exist"):
        compiled(f"model.weights={tmp_path / 'none.h5'}")


def test_other_weights_under_the_same_name_make_another_model(tmp_path: Path) -> None:
    weights = tmp_path / "w.h5"
    found = []
    for content in ("one", "two", "one"):
        weights.write_text(content)
        found.append(properties(compiled(f"model.weights={weights}"), "Trainer")["custom_config"])
    assert found[0] == found[2] != found[1]


@pytest.mark.parametrize(
    ("override", "section", "expected"),
    [
        *((f"model.backbone={row.name}", "model", {"backbone": row.name, "alpha": row.default_alpha}) for row in BACKBONES),
        ("training.augment=none", "training", {"augment": []}),
        ("training.augment=flip,color", "training", {"augment": ["flip", "color"]}),
    ],
)
def test_another_backbone_or_augmentation_is_one_setting(override: str, section: str, expected: dict[str, Any]) -> None:
    """It reaches the training, and is part of what identifies the model: nothing else has to be set with it."""
    changed, usual = (node_settings(load_config(None, overrides)) for overrides in ([override], []))
    assert expected.items() <= trainer_settings(override)[section].items()
    assert (changed.digest == usual.digest) == (override == "model.backbone=MobileNetV2")


def trainer_settings(override: str) -> dict[str, Any]:
    (trainer,) = [node.pipeline_node for node in compiled(override).nodes if node.pipeline_node.node_info.id == "Trainer"]
    custom_config = trainer.parameters.parameters["custom_config"].field_value.string_value
    settings: dict[str, Any] = json.loads(json.loads(custom_config)["settings"])
    return settings
