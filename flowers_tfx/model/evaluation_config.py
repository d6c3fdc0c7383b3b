"""TFMA's configuration: the metrics on `test`, the slices, and the minimum results of a candidate."""

from __future__ import annotations

from tensorflow_model_analysis.proto import config_pb2

from flowers_tfx.features import LABEL, PROPERTIES
from flowers_tfx.model.preprocessing import LABEL_ID
from flowers_tfx.model.signatures import EXAMPLES_SIGNATURE, LABELS_SIGNATURE

ACCURACY = "accuracy"
SLICES = (LABEL, *sorted(prop.name for prop in PROPERTIES if prop.sliced))
CALIBRATION_BINS = 10
BASELINE_NAME = "baseline"  # TFMA's name for the second model


def eval_config(labels: list[str], min_accuracy: float, max_drop: float) -> config_pb2.EvalConfig:
    """`labels` in the order of the model's outputs; `max_drop`: how far the accuracy may lie below the serving model's."""
    floors = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": min_accuracy}),
        change_threshold=config_pb2.GenericChangeThreshold(
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -max_drop}
        ),
    )
    # A plain `threshold` would apply to every slice: four dark photos could then block a model.
    all_photos = config_pb2.PerSliceMetricThreshold(slicing_specs=[config_pb2.SlicingSpec()], threshold=floors)
    overall = [
        config_pb2.MetricConfig(class_name="SparseCategoricalAccuracy", config=f'"name": "{ACCURACY}"', per_slice_thresholds=[all_photos]),
        config_pb2.MetricConfig(class_name="ExampleCount"),
        config_pb2.MetricConfig(class_name="MultiClassConfusionMatrixPlot", config='"thresholds": [0.0]'),
    ]
    class_metrics = [config_pb2.MetricConfig(class_name="AUC")]
    each_class = config_pb2.BinarizationOptions(class_ids={"values": list(range(len(labels)))})
    top_class_metrics = [config_pb2.MetricConfig(class_name="CalibrationPlot", config=f'"num_buckets": {CALIBRATION_BINS}')]
    top_class = config_pb2.BinarizationOptions(top_k_list={"values": [1]})
    model_spec = config_pb2.ModelSpec(
        signature_name=EXAMPLES_SIGNATURE,
        preprocessing_function_names=[LABELS_SIGNATURE],
        label_key=LABEL_ID,
        prediction_key="probabilities",
    )
    return config_pb2.EvalConfig(
        model_specs=[model_spec],
        slicing_specs=[config_pb2.SlicingSpec(), *(config_pb2.SlicingSpec(feature_keys=[key]) for key in SLICES)],
        metrics_specs=[
            config_pb2.MetricsSpec(metrics=overall),
            config_pb2.MetricsSpec(metrics=class_metrics, binarize=each_class),
            config_pb2.MetricsSpec(metrics=top_class_metrics, binarize=top_class),
        ],
    )
