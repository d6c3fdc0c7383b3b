"""`flowers spans measure`: image properties that spans lack, measured on the configuration's engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.span_measurement import Measurement, measure_span
from flowers_tfx.data.spans import list_spans, missing_properties
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.engine_checks import check_engine
from flowers_tfx.orchestration.settings import beam_args, with_s3_endpoint
from flowers_tfx.progress import ProgressCallback


def measure_spans(config: PipelineConfig, numbers: Sequence[int], progress: ProgressCallback) -> list[Measurement]:
    """Measures what the spans with these numbers lack, of all spans if there are none; one result per measured span.

    `progress` counts the photos of all of them. Raises InputError for an unknown number, and for bad input of Beam's engine,
    before anything starts; EngineFailed when a job fails: the spans before it keep their values.
    """
    spans = {span.number: span for span in list_spans(config.data_root)}
    if absent := [number for number in numbers if number not in spans]:
        numbers_text = ", ".join(map(str, spans)) or "none"
        raise InputError(f"The data root {config.data_root} has no span {absent[0]}.", f"It has {numbers_text}.")
    chosen = [span for span in spans.values() if (not numbers or span.number in numbers) and missing_properties(span)]
    if not chosen:
        return []
    check_engine(config.beam, {"data_root": config.data_root})
    options = PipelineOptions(beam_args(with_s3_endpoint(config)))
    total, results = sum(span.examples for span in chosen), list[Measurement]()
    for span in chosen:
        results.append(measure_span(span, lambda: beam.Pipeline(options=options), _after(progress, results, total)))
    return results


def _after(progress: ProgressCallback, results: Sequence[Measurement], total: int) -> Callable[[int, int], None]:
    """Progress on one span as progress on all."""
    before = sum(result.photos for result in results)
    return lambda done, _: progress(before + done, total)
