"""The declaration of a component: what TFX gets of it, what is refused, and what an executor finds in itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tfx.types import channel, standard_artifacts

from flowers_tfx.code_digest import code_digest
from flowers_tfx.components.executor import OwnExecutor, read_parameters
from flowers_tfx.components.import_schema_gen import ImportSchemaGen
from flowers_tfx.components.own_component import OwnComponent
from tests.unit.buckets import FakeStore


@dataclass(frozen=True)
class GreetingParameters:
    greeting: str
    names: list[str]
    times: int
    token: str = ""


class GreetingExecutor(OwnExecutor[GreetingParameters]):
    def work(self) -> None:
        text = (self.input_folder("schema") / "text").read_text()
        words = [self.parameters.greeting, *self.parameters.names, text, self.parameters.token] * self.parameters.times
        (self.output_folder("copy") / "text").write_text(" ".join(words))
        self.output("copy").set_string_custom_property("run", self.run_id or "none")


class Greeting(OwnComponent):
    INPUTS = {"schema": standard_artifacts.Schema}
    OUTPUTS = {"copy": standard_artifacts.Schema}
    EXECUTOR = GreetingExecutor


def schema() -> channel.Channel:
    return channel.Channel(type=standard_artifacts.Schema)


def test_the_spec_follows_from_the_declaration() -> None:
    node = ImportSchemaGen(schema_text="x")
    assert node.id == "ImportSchemaGen"
    assert node.exec_properties == {"schema_text": "x", "code": code_digest("flowers_tfx.components.import_schema_gen")}
    assert node.outputs["schema"].type is standard_artifacts.Schema


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"greeting": "hi", "names": [], "times": 1}, "Greeting needs the input 'schema'."),
        ({"greeting": "hi", "names": [], "schema": None}, "Greeting needs the parameter 'times'."),
        ({"greetings": "hi"}, "Greeting has no input or parameter 'greetings': it takes greeting, names, times, schema."),
        ({"code": "c"}, "Greeting has no input or parameter 'code': it takes greeting, names, times, schema."),
    ],
)
def test_a_missing_or_unknown_name_is_one_sentence(values: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        Greeting(**values)
    assert str(caught.value) == message


def test_a_value_of_a_wrong_type_is_refused_by_tfx() -> None:
    with pytest.raises(TypeError, match="times"):
        Greeting(greeting="hi", names=[], times="often", schema=schema())


def test_parameters_reach_the_executor_as_they_were_given(store: FakeStore) -> None:
    """Lists travel as JSON; a token that no driver set has its default; artifacts in a bucket are files of this machine."""
    store.write("in/1/text", b"there")
    node_properties = {"greeting": "hi", "names": '["Ann", "Bo"]', "times": 1, "token": None, "code": "c"}
    assert read_parameters(GreetingParameters, node_properties) == GreetingParameters("hi", ["Ann", "Bo"], 1)
    given, made = standard_artifacts.Schema(), standard_artifacts.Schema()
    given.uri, made.uri = "gs://bucket/in/1", "gs://bucket/out/1"
    GreetingExecutor().Do({"schema": [given]}, {"copy": [made]}, node_properties)
    assert store.read("out/1/text")[0] == b"hi Ann Bo there "
    assert made.uri == "gs://bucket/out/1"


def test_value_artifacts_stay_where_they_are(store: FakeStore, tmp_path: Path) -> None:
    """Their URI is a file that TFX writes itself: with a folder in its place nothing could be written."""

    class Saying(OwnExecutor[GreetingParameters]):
        def work(self) -> None:
            assert self.output("text").uri == "gs://bucket/text"

    text = standard_artifacts.String()
    text.uri = "gs://bucket/text"
    Saying().Do({}, {"text": [text]}, {"greeting": "", "names": "[]", "times": 1})
