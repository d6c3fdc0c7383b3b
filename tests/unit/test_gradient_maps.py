"""Maps from gradients: what they add up to, where they lie, and what becomes of them with random weights."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("saliency")

from flowers_tfx.errors import InputError
from flowers_tfx.explain.explain_picture import explain_picture
from flowers_tfx.explain.gradient_maps import MOST_PIECES, Score, attribute, integrate
from flowers_tfx.explain.hidden_parts import HiddenParts
from flowers_tfx.explain.methods import GRADIENT_METHODS, Method
from flowers_tfx.explain.model_function import Floats, GradientsOfPictures, Pictures, Vectors
from flowers_tfx.explain.randomisation import cascade
from flowers_tfx.litert import PROBABILITIES

SIZE, CLASSES = 48, 3
LEFT = (slice(None), slice(0, SIZE // 2))


class Network:
    """Logits are A values + B values ** 2 of the pixels, 0-1, so that the gradients are known."""

    layers = 1

    def __init__(self, linear: Floats, squared: Floats | None = None) -> None:
        self.linear, self.squared = linear, np.zeros_like(linear) if squared is None else squared
        self.asked = 0

    def __call__(self, pictures: Floats, weights: Floats) -> GradientsOfPictures:
        self.asked += len(pictures)
        values = pictures.reshape(len(pictures), -1) / np.float32(255)
        logits = values @ self.linear + values**2 @ self.squared
        slopes = weights @ self.linear.T + 2 * values * (weights @ self.squared.T)
        return GradientsOfPictures((slopes / np.float32(255)).reshape(pictures.shape), logits)

    def randomised(self, layers: int, seed: int = 0) -> Network:
        random = np.random.default_rng(seed).normal(size=self.linear.shape).astype(np.float32)
        return Network(random * self.linear.std() if layers else self.linear)


def picture(seed: int = 0) -> Pictures:
    """Soft spots of colours all over it."""
    spots = np.random.default_rng(seed).integers(0, 256, (SIZE // 4, SIZE // 4, 3), dtype=np.uint8)
    return np.kron(spots, np.ones((4, 4, 1), np.uint8))


def random_network(squared: bool) -> Network:
    values = np.random.default_rng(3).normal(size=(2, SIZE * SIZE * 3, CLASSES)).astype(np.float32) / SIZE
    return Network(values[0], values[1] if squared else None)


def looking_left() -> Network:
    """The first class is red on the left."""
    linear, red = np.zeros((SIZE, SIZE, 3, CLASSES), np.float32), np.zeros((SIZE, SIZE, 3, CLASSES), np.float32)
    red[(*LEFT, 0, 0)] = 16 / SIZE**2
    return Network(linear.reshape(-1, CLASSES), red.reshape(-1, CLASSES))


@pytest.mark.parametrize("method", ["ig", "guided-ig"])
def test_evidence_of_a_linear_network_adds_up_exactly(method: Method) -> None:
    network = random_network(squared=False)
    explained = attribute(method, network, picture(), 1, CLASSES)
    score = Score(network, 1, CLASSES)
    assert explained.completeness_error == pytest.approx(0, abs=1e-4)
    image = picture().astype(np.float32)
    assert explained.map.dtype == np.float32
    assert explained.map.shape == (SIZE, SIZE)
    blurred = HiddenParts(picture()).blurred.astype(np.float32)
    assert explained.map.sum() == pytest.approx(score.value(image) - score.value(blurred), rel=1e-3)
    assert score.value(image) == pytest.approx(
        network(image[None], np.zeros((1, CLASSES), np.float32)).logits[0] @ [-0.5, 1, -0.5], rel=1e-4
    )


def test_integrated_gradients_of_a_curved_network_are_those_of_the_formula() -> None:
    """The integral of A + 2 B x along the way is (A + B (x + baseline)) (x - baseline)."""
    network = random_network(squared=True)
    image, baseline = picture().astype(np.float32), np.full((SIZE, SIZE, 3), 64, np.float32)
    values, error = integrate(Score(network, 1, CLASSES), image, baseline)
    weights = np.array([-0.5, 1, -0.5], np.float32)
    linear, squared = ((values @ weights).reshape(image.shape) for values in (network.linear, network.squared))
    expected = (linear + squared * (image + baseline) / 255) * (image - baseline) / 255
    np.testing.assert_allclose(values, expected, rtol=0.02, atol=1e-3 * np.abs(expected).max())
    assert error < 0.02


def test_a_network_with_a_sudden_change_costs_a_bounded_number_of_pictures() -> None:
    class Sudden(Network):
        def __call__(self, pictures: Floats, weights: Floats) -> GradientsOfPictures:
            bright = pictures.mean(axis=(1, 2, 3)) > 100  # a step has no slope, so nothing adds up
            self.asked += len(pictures)
            logits = np.zeros((len(pictures), CLASSES), np.float32)
            logits[:, 0] = bright
            return GradientsOfPictures(np.zeros_like(pictures), logits)

    network = Sudden(np.zeros((SIZE * SIZE * 3, CLASSES), np.float32))
    values, error = integrate(Score(network, 0, CLASSES), np.full((SIZE, SIZE, 3), 200, np.float32), np.zeros((SIZE, SIZE, 3), np.float32))
    assert error == pytest.approx(1)
    assert not values.any()
    assert network.asked <= 8 * 2 * MOST_PIECES


@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_the_map_lies_where_the_network_looks(method: Method) -> None:
    explained = attribute(method, looking_left(), picture(), 0, CLASSES)
    sizes = np.abs(explained.map)
    assert sizes[LEFT].sum() > 0.8 * sizes.sum() > 0


@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_the_same_picture_has_the_same_map(method: Method) -> None:
    first, again = (attribute(method, random_network(squared=True), picture(), 2, CLASSES).map for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_a_picture_of_one_colour_has_no_evidence(method: Method) -> None:
    explained = attribute(method, looking_left(), np.full((SIZE, SIZE, 3), 90, np.uint8), 0, CLASSES)
    assert not explained.map.any()


def test_slopes_of_both_signs_do_not_hide_where_evidence_lies() -> None:
    network = looking_left()
    noise = np.random.default_rng(5).normal(size=network.linear.shape[0]).astype(np.float32) * 32 / SIZE**2
    network.linear[:, 0] += noise
    explained = attribute("ig", network, picture(), 0, CLASSES)
    assert np.maximum(explained.map, 0)[LEFT].sum() > 0.6 * np.maximum(explained.map, 0).sum()


def test_random_weights_change_the_map() -> None:
    pictures = [picture(seed) for seed in range(3)]
    steps: list[tuple[int, int]] = []
    (stage,) = cascade("ig", looking_left(), pictures, [0, 0, 0], CLASSES, lambda done, total: steps.append((done, total)))
    assert stage.layers == 1
    assert abs(stage.correlation) < 0.3
    assert steps == [(done, 6) for done in range(1, 7)]


def answers_of(network: Network) -> object:
    def answers(pictures: object) -> Vectors:
        batch = np.stack(list(pictures)).astype(np.float32)  # type: ignore[call-overload]
        logits = network(batch, np.zeros((len(batch), CLASSES), np.float32)).logits
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {PROBABILITIES: exponentials / exponentials.sum(axis=1, keepdims=True)}

    return answers


@pytest.mark.parametrize("method", GRADIENT_METHODS)
def test_an_explanation_has_the_checks_of_its_map(method: Method) -> None:
    network = looking_left()
    explanation = explain_picture(picture(), answers_of(network), method, network, target=0)  # type: ignore[arg-type]
    quality = explanation.quality
    assert explanation.method == method
    assert (quality.completeness_error is None) == (method != "ig")
    assert quality.completeness_error is None or quality.completeness_error < 0.05
    assert quality.stability is not None
    assert quality.stability > 0.5
    assert quality.randomised_correlation is not None
    assert quality.randomised_correlation < 0.5


def test_without_gradients_there_is_one_sentence() -> None:
    with pytest.raises(InputError, match="no signature of gradients"):
        explain_picture(picture(), answers_of(looking_left()), "ig", None)  # type: ignore[arg-type]
