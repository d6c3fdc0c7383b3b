"""Which sources count in the cache key of each node. closures.txt beside this file pins them:

python -m tests.pipeline.test_code_closures   # writes it anew; look at the difference before you commit it
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from flowers_tfx.code_digest import TEMPLATES, code_digest, sources
from flowers_tfx.components.own_component import CODE, OwnComponent
from flowers_tfx.components.transform import PREPROCESSING
from flowers_tfx.config import load_config
from flowers_tfx.orchestration.node_caching import code_modules
from flowers_tfx.orchestration.settings import node_settings
from pipeline_def import create_pipeline

ROOT = Path(__file__).resolve().parents[2]
PINNED = Path(__file__).with_name("closures.txt")
TRAINING = "flowers_tfx.model.trainer"
SHARED = "every own component"
# Trainer computes features with LiteRT, reads and writes the cache of converted backbones, and writes the record of the LiteRT models and
# warm-up requests. The names of the signature of gradients lie beside what explanations share with it.
LITERT = {
    "litert",
    "threads",
    "storage",
    "code_digest",
    "model_folder",
    "class_names",
    "tfrecords",
    "warm_up_requests",
    "picture_gradients",
}


def pipeline_modules() -> dict[str, str]:
    """The module whose sources count, of each node that runs code of this package."""
    config = ["ingest.csv=photos.csv", "model.weights=none", "tuning.trials=1", "tuning.search=hyperband"]
    return code_modules(create_pipeline(load_config(None, config)).components)


@pytest.fixture(scope="module")
def closures() -> dict[str, set[str]]:
    return {node: set(sources(module)) for node, module in pipeline_modules().items()}


def describe(closures: Mapping[str, set[str]]) -> str:
    """A paragraph per node, a line per package. What every own component needs stands once, at the top."""
    shared = set(sources("flowers_tfx.components.own_component")) | set(sources("flowers_tfx.components.executor"))
    paragraphs = [_paragraph(SHARED, shared)]
    for node, names in closures.items():
        own = shared <= names
        paragraphs.append(_paragraph(f"{node}, besides" if own else node, names - shared if own else names))
    return "\n".join(paragraphs)


def _paragraph(title: str, names: set[str]) -> str:
    packages: dict[str, list[str]] = {}
    for name in sorted(names):
        package, _, rest = name.removeprefix(f"{TEMPLATES}/").removeprefix("flowers_tfx.").partition(".")
        if name.startswith(TEMPLATES):
            package, rest = "templates", name.rpartition("/")[2]
        packages.setdefault(package, []).append(rest)
    lines = [
        f"  {package}" if rest == [""] else f"  {package}: {', '.join(name or '__init__' for name in rest)}"
        for package, rest in packages.items()
    ]
    return "\n".join([title, *sorted(lines), ""])


def test_each_node_is_made_anew_by_an_edit_of_these_sources_and_of_no_others(closures: Mapping[str, set[str]]) -> None:
    assert describe(closures).splitlines() == PINNED.read_text(encoding="utf-8").splitlines(), __doc__


def test_the_digests_in_the_pipeline_are_those_of_these_modules() -> None:
    config = load_config(None, ["model.weights=none"])
    nodes = {node.id: node for node in create_pipeline(config).components}
    modules = pipeline_modules()
    for name, node in nodes.items():
        if isinstance(node, OwnComponent):
            assert node.exec_properties[CODE] == code_digest(modules[name])
    assert code_digest(PREPROCESSING) in nodes["Transform"].exec_properties["custom_config"]
    assert code_digest(TRAINING) in nodes["Trainer"].exec_properties["custom_config"]
    assert node_settings(config).model["code"] == code_digest(TRAINING)


# Which spans there are, who pushed a model, how a page looks: no number of a model changes by them.
@pytest.mark.parametrize(("node", "besides"), [("Trainer", LITERT), ("Transform", set())])
def test_what_makes_a_model_is_code_that_changes_numbers(closures: Mapping[str, set[str]], node: str, besides: set[str]) -> None:
    packages = {name.removeprefix("flowers_tfx.").partition(".")[0] for name in closures[node]}
    assert packages <= {"backbones", "config", "errors", "features", "model", "artifact_files", "progress"} | besides


def test_no_node_depends_on_a_command_or_on_a_runner(closures: Mapping[str, set[str]]) -> None:
    for node, names in closures.items():
        assert [name for name in names if name.startswith(("flowers_tfx.cli", "flowers_tfx.orchestration"))] == [], node


def test_a_template_counts_for_the_node_that_renders_it(closures: Mapping[str, set[str]]) -> None:
    def readers(template: str) -> set[str]:
        return {node for node, names in closures.items() if f"{TEMPLATES}/{template}" in names}

    assert readers("review.html.j2") == {"DataReview"}
    assert readers("evaluation.html.j2") == {"Evaluator"}
    assert readers("base.html.j2") == readers("report.css") == {"DataReview", "Tuner", "Evaluator", "Pusher", "Explainer"}
    assert readers("card.html.j2") == {"Pusher"}
    assert readers("explanations.html.j2") == {"Explainer"}
    assert readers("tuning.html.j2") == {"Tuner"}


def test_every_template_belongs_to_a_module() -> None:
    """A template that is named in no module's source would be edited without a trace."""
    rendering = (
        "flowers_tfx.review.report",
        "flowers_tfx.review.suspects_page",
        "flowers_tfx.reports.evaluation",
        "flowers_tfx.model_card.page",
        "flowers_tfx.reports.model_explanations",
        "flowers_tfx.reports.tuning",
        "flowers_tfx.reports.photo_explanations",
        "flowers_tfx.experiments.page",
    )
    named = {name for module in rendering for name in sources(module) if name.startswith(TEMPLATES)}
    assert named == {path.relative_to(ROOT).as_posix() for path in (ROOT / TEMPLATES).iterdir()}


if __name__ == "__main__":
    PINNED.write_text(describe({node: set(sources(module)) for node, module in pipeline_modules().items()}), encoding="utf-8")
