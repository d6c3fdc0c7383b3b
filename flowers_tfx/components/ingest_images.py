"""IngestImages: takes the photos of a CSV into the data root as a span, as `flowers ingest` does.

It reads data outside the pipeline, so a plain cache key would be wrong. Its driver, which local and Beam runners call before they look into
the cache, computes the right one: new photos are always a miss, and a delivery that was already ingested gets the key of the run that
ingested it, which is recorded in the span's manifest.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from tfx.dsl.components.base import base_beam_executor
from tfx.orchestration.portable import data_types
from tfx.types import standard_artifacts

from flowers_tfx.components.executor import OwnExecutor, read_parameters
from flowers_tfx.components.outside_driver import CACHE_KEY, OutsideDriver
from flowers_tfx.components.own_component import OwnBeamComponent
from flowers_tfx.data.delivery import delivery_state
from flowers_tfx.data.forgotten import forgotten_digests
from flowers_tfx.data.ingest import IngestRequest, ingest
from flowers_tfx.data.spans import list_spans


@dataclass(frozen=True)
class IngestImagesParameters:
    """The driver sets the last two: an idempotency token that goes into the span's manifest, and the cache key."""

    csv: str
    labels: list[str]
    data_root: str
    split_salt: str
    shards: int
    max_pixels: int
    ingest_id: str = ""
    cache_key: str = ""


class IngestImagesDriver(OutsideDriver):
    """Stamps the idempotency token: see the module's docstring."""

    def observe(self, execution_info: data_types.ExecutionInfo) -> Mapping[str, str]:
        parameters = read_parameters(IngestImagesParameters, execution_info.exec_properties)
        spans = list_spans(parameters.data_root)
        state = delivery_state(parameters.csv, parameters.labels, spans, forgotten_digests(parameters.data_root))
        taken_in_by = [span.manifest["ingest_id"] for span in spans if span.manifest["delivery"] == state.digest]
        # The digest is for `flowers runs why`: the key alone counts.
        delivery = {"delivery": state.digest}
        if not state.pending and not taken_in_by:
            return {**delivery, CACHE_KEY: " ".join([state.digest, *(span.digest for span in spans)])}
        ingest_id = uuid.uuid4().hex if state.pending else taken_in_by[-1]
        return {**delivery, "ingest_id": ingest_id, CACHE_KEY: ingest_id}


class IngestImagesExecutor(OwnExecutor[IngestImagesParameters], base_beam_executor.BaseBeamExecutor):
    COPIES_ARTIFACTS = False

    def work(self) -> None:
        parameters = self.parameters
        request = IngestRequest(
            csv=parameters.csv,
            labels=tuple(parameters.labels),
            data_root=parameters.data_root,
            span=None,
            split_salt=parameters.split_salt,
            shards=parameters.shards,
            max_pixels=parameters.max_pixels,
            ingest_id=parameters.ingest_id,
        )
        self.output("result").value = json.dumps(ingest(request, self._make_beam_pipeline).as_json())


class IngestImages(OwnBeamComponent):
    OUTPUTS = {"result": standard_artifacts.String}
    EXECUTOR = IngestImagesExecutor
    DRIVER_CLASS = IngestImagesDriver
    LOOKS_OUTSIDE = True
