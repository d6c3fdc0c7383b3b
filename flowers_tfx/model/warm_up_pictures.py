"""The pictures of the warm-up requests that travel with each version. They are drawn: nobody's photo leaves the data root with a model."""

from __future__ import annotations

from flowers_tfx.model.difficult_pictures import encode_scene

_BATCH = 8


def warm_up_pictures(image_size: int) -> list[list[bytes]]:
    """Requests with the kinds and sizes that servers get most, for a network whose pictures have sides of `image_size` px: a JPEG as from a
    camera, a small PNG, and a batch."""
    camera = encode_scene(4 * image_size, 3 * image_size, "JPEG")
    small = encode_scene(image_size, image_size, "PNG")
    return [[camera], [small], [encode_scene(image_size + number, image_size, "JPEG") for number in range(_BATCH)]]
