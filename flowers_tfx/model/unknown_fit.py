"""Fits what a trained network needs to say how sure it is, and that it does not know: the temperature and the detector.

The temperature comes from `eval`. The detector's limits come from photos that the network has not seen. Where the backbone is frozen these
are the training photos, each compared with the others by a head that was trained without it: ten times as many as `eval` has, and none of
them chose anything. A backbone that was trained knows its training photos; there, `eval` decides (docs/adr/0020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from flowers_tfx.config.training import TrainingConfig
from flowers_tfx.config.unknown import UnknownConfig
from flowers_tfx.model.recognition import Recognition
from flowers_tfx.model.representative_pictures import spread_over_classes
from flowers_tfx.model.signatures import ServedNetwork
from flowers_tfx.model.splits import Labels, SplitSource
from flowers_tfx.model.temperature import calibration_error, fit_temperature
from flowers_tfx.model.training import TrainResult
from flowers_tfx.model.unknown_detector import NO_STANDARD, Detector, Floats, differ, distance, doubt, fit_geometry
from flowers_tfx.model.unknown_folds import assign_folds, logits_without_own_fold
from flowers_tfx.model.unknown_limits import Limits, fit_limits

FORMAT = 1
_BATCH = 64
_FEWEST_TO_CROSS_FIT = 20  # photos


@dataclass(frozen=True)
class _Unseen:
    """The two distances and the logits of photos of known classes that the network has not seen; `split`: where they come from."""

    split: str
    distances: tuple[Floats, Floats]
    logits: Floats


def fit_recognition(
    result: TrainResult, settings: TrainingConfig, unknown: UnknownConfig, train_set: SplitSource, eval_set: SplitSource
) -> Recognition:
    network = result.network
    features, labels = _features(network, train_set, unknown.photos, settings.seed)
    eval_features, eval_labels = _features(network, eval_set, unknown.photos, settings.seed)
    eval_logits = np.asarray(network.head(eval_features, training=False), np.float32)
    temperature = fit_temperature(eval_logits, eval_labels)
    geometry = fit_geometry(features, labels)
    if not result.backbone_trained and len(labels) >= _FEWEST_TO_CROSS_FIT:
        # After many warm starts the epochs add up to more than training from the beginning takes.
        epochs = min(result.head_epochs, settings.head_epochs)
        unseen = _cross_fit(features, labels, eval_logits.shape[1], settings, epochs)
    else:
        unseen = _Unseen("eval", _numpy(geometry.distances(eval_features)), eval_logits)
    nearest, mahalanobis = ((float(values.mean()), float(values.std())) for values in unseen.distances)
    standard = (nearest, mahalanobis) if differ(features) else NO_STANDARD
    distances = np.asarray(distance(unseen.distances, standard))
    doubts = doubt(unseen.logits / temperature).numpy()
    limits = fit_limits(distances, doubts, unknown.refused)
    detector = Detector(geometry, standard, limits.far, limits.unsure)
    record = {
        "format": FORMAT,
        "refused": unknown.refused,
        "limits_from": {"split": unseen.split, "photos": len(doubts), "cross_fitted": unseen.split == "train"},
        **_shares(limits, distances, doubts),
        "limits": {"far": limits.far.limit, "unsure": limits.unsure.limit},
        "bank": _bank_record(detector, labels),
        "temperature": temperature,
        "calibration_error": {
            "split": "eval",
            "photos": len(eval_labels),
            "before": calibration_error(eval_logits, eval_labels),
            "after": calibration_error(eval_logits / temperature, eval_labels),
        },
    }
    return Recognition(temperature, detector, record)


def _shares(limits: Limits, distances: Floats, doubts: Floats) -> dict[str, Any]:
    far, unsure = np.asarray(limits.far(distances)) > 1, np.asarray(limits.unsure(doubts)) > 1
    return {
        "share": limits.share,
        "interval": list(limits.interval),
        "far": int(far.sum()),
        "unsure": int((unsure & ~far).sum()),
    }


def _bank_record(detector: Detector, labels: Labels) -> dict[str, Any]:
    geometry = detector.geometry
    arrays = (geometry.basis, geometry.bank, geometry.means, geometry.whitening)
    return {"photos": len(labels), "dimensions": geometry.basis.shape[1], "bytes": sum(array.nbytes for array in arrays)}


def _cross_fit(features: Floats, labels: Labels, classes: int, settings: TrainingConfig, epochs: int) -> _Unseen:
    folds = assign_folds(labels, settings.seed)
    distances = _left_out_distances(features, labels, folds)
    # The fewer photos are left, the further a new one lies from them. Twice as many left out say how much further, so that the limit is
    # that of all photos.
    distances += (distances - _left_out_distances(features, labels, folds // 2)).mean(axis=1, keepdims=True)
    logits = logits_without_own_fold(features, labels, classes, folds, settings, epochs)
    return _Unseen("train", (distances[0], distances[1]), logits)


def _left_out_distances(features: Floats, labels: Labels, folds: npt.NDArray[np.int64]) -> Floats:
    """float32 [2, N]: both distances of each photo to the photos of the other folds."""
    distances = np.empty((2, len(labels)), np.float32)
    for fold in np.unique(folds):
        others = folds != fold
        distances[:, ~others] = _numpy(fit_geometry(features[others], labels[others]).distances(features[~others]))
    return distances


def _features(network: ServedNetwork, split: SplitSource, most: int, seed: int) -> tuple[Floats, Labels]:
    """Pooled features [N, F] and labels of at most `most` photos, spread over the classes."""
    labels = np.array([label for _, label in split.read().as_numpy_iterator()], np.int64)
    chosen = spread_over_classes(labels, most, seed)
    keep = tf.constant([at in chosen for at in range(len(labels))])
    pictures = split.read().enumerate().filter(lambda at, _: keep[at]).map(lambda _, photo: photo[0]).batch(_BATCH)
    network.backbone.compile(jit_compile=False)
    features = network.backbone.predict(pictures, verbose=0)
    return np.asarray(features, np.float32), labels[keep.numpy()]


def _numpy(tensors: Sequence[Any]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    first, second = (np.asarray(tensor, np.float32) for tensor in tensors)
    return first, second
