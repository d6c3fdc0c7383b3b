"""A node is its component's file and its lines in pipeline_def.py: id, digest, caching and artifact type follow, on every runner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.test_one_place import insert, run_python, tree  # noqa: F401 - a fixture

pytestmark = pytest.mark.one_stack

COMPONENT = """
from __future__ import annotations

from dataclasses import dataclass

from tfx import types
from tfx.types import standard_artifacts

from flowers_tfx.components.executor import OwnExecutor
from flowers_tfx.components.own_component import OwnComponent


class PhotoCount(types.Artifact):
    TYPE_NAME = "flowers.PhotoCount"


@dataclass(frozen=True)
class CountPhotosParameters:
    window: str


class CountPhotosExecutor(OwnExecutor[CountPhotosParameters]):
    def work(self) -> None:
        (self.output_folder("count") / "count.txt").write_text(self.parameters.window)


class CountPhotos(OwnComponent):
    INPUTS = {"examples": standard_artifacts.Examples}
    OUTPUTS = {"count": PhotoCount}
    EXECUTOR = CountPhotosExecutor
"""
WIRING = """    nodes.add(
        CountPhotos(examples=nodes.output(ImportExampleGen, "examples"), window=nodes.value(SelectInputs, "window"))
    )
"""
# What a user of the copy sees: the compiled pipelines before and after an edit of the component's source.
PROGRAM = """
import json
import sys
from pathlib import Path

from tfx.dsl.compiler import compiler
from tfx.proto.orchestration import pipeline_pb2

from flowers_tfx.code_digest import code_digest
from flowers_tfx.config import load_config
from flowers_tfx.orchestration.kubeflow.lint import lint
from pipeline_def import create_pipeline
from runners.kubeflow import compile_package


def digests():
    code_digest.cache_clear()
    ir = compiler.Compiler().compile(create_pipeline(load_config(None, [])))
    nodes = [node.pipeline_node for node in ir.nodes]
    return {node.node_info.id: {key: str(value) for key, value in node.parameters.parameters.items()} for node in nodes}


settings = ["data_root=gs://b/d", "registry=gs://b/r", "pipeline_root=gs://b/a", "model.weights=none"]
package = compile_package(load_config(None, settings), "kfp", "registry.example/flowers@sha256:" + "a1" * 32)
before = digests()
source = Path("flowers_tfx/components/count_photos.py")
source.write_text(source.read_text() + "# edited\\n")
errors = [str(problem) for problem in lint(package) if problem.level == "error"]
json.dump({"spec": package.spec, "lint": errors, "before": before, "after": digests()}, sys.stdout)
"""
# A step of a cluster: TFX's executor finds the class of the new artifact type.
STEP = """
import sys
from flowers_tfx.components.artifacts import own_types
from tfx.utils import import_utils
import_utils.import_class_by_path("flowers_tfx.components.count_photos.CountPhotosExecutor")
print([own.TYPE_NAME for own in own_types()])
"""


def test_a_new_node_is_its_file_and_its_lines_in_the_pipeline(tree: Path) -> None:  # noqa: F811
    (tree / "flowers_tfx/components/count_photos.py").write_text(COMPONENT)
    definition = tree / "pipeline_def.py"
    insert(definition, "from flowers_tfx.components.data_review", "from flowers_tfx.components.count_photos import CountPhotos\n")
    insert(definition, "\n\ndef _add_schema_checks", WIRING)

    found = json.loads(run_python(tree, PROGRAM))
    assert set(found["before"]["CountPhotos"]) == {"window", "code"}
    changed = {name for name, parameters in found["before"].items() if parameters != found["after"][name]}
    assert changed == {"CountPhotos"}
    task = found["spec"]["root"]["dag"]["tasks"]["CountPhotos"]
    assert task["cachingOptions"] == {"enableCache": True}
    assert "code" in task["inputs"]["parameters"]
    assert task["inputs"]["parameters"]["window"]["taskOutputParameter"]["producerTask"] == "SelectInputs"
    component = found["spec"]["components"][task["componentRef"]["name"]]
    assert "flowers.PhotoCount" in str(component["outputDefinitions"]["artifacts"]["count"])
    assert found["lint"] == []
    assert "flowers.PhotoCount" in run_python(tree, STEP)
