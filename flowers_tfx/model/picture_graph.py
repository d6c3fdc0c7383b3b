"""From a photo's bytes to the picture that the network sees, as a TensorFlow graph.

Transform and the serving signatures use these same functions, so a served photo is prepared exactly as a training photo was.
`data/network_picture.py` makes the same picture, bit for bit, without TensorFlow, and says how it is made.
"""

from __future__ import annotations

import tensorflow as tf

_JPEG_RATIOS = (1, 2, 4, 8)  # what decode_jpeg can divide the sides by
_EXIF = b"Exif\x00\x00"
_EXIF_ANYWHERE = r"Exif\x00\x00"
_ORIENTATION_TAG = 0x0112
_SHORT, _LONG = 3, 4  # TIFF types that writers use for the orientation
_TIFF_MAGIC = 42
_SMALLEST_TIFF = 14  # bytes: header and a directory without entries
_START_OF_IMAGE = b"\xff\xd8"
_APP1, _FILL = 0xE1, 0xFF
_NO_MORE_HEADERS = (0xD9, 0xDA)  # end of image, start of scan
_PNG = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp\x00\x00"  # an iTXt chunk that is not compressed begins so
# \C is any byte, in RE2.
_XMP_ORIENTATION = r"""^\C*?tiff:Orientation[ \t\r\n]*(?:=[ \t\r\n]*["']|>)[ \t\r\n]*([1-8])[ \t\r\n]*["'<]\C*$"""
_PARALLEL = 8


def prepare_pictures(data: tf.Tensor, image_size: int) -> tf.Tensor:
    """uint8 [N, image_size, image_size, 3] from JPEG or PNG bytes, string [N]. One unreadable photo fails the batch."""
    return tf.map_fn(
        lambda photo: prepare_picture(photo, image_size),
        data,
        fn_output_signature=tf.TensorSpec([image_size, image_size, 3], tf.uint8),
        parallel_iterations=_PARALLEL,
    )


def prepare_picture(data: tf.Tensor, image_size: int) -> tf.Tensor:
    """uint8 [image_size, image_size, 3] from one photo's bytes: upright, squashed to a square, RGB."""
    picture = tf.while_loop(
        lambda picture: tf.reduce_any(tf.shape(picture)[:2] >= 2 * image_size),
        lambda picture: (_halve(picture, image_size),),
        (_decode(data, image_size),),
        shape_invariants=(tf.TensorShape([None, None, 3]),),
    )[0]
    small = tf.image.resize(picture, [image_size, image_size])
    return turn_upright(tf.cast(tf.round(small), tf.uint8), exif_orientation(data))


def _decode(data: tf.Tensor, image_size: int) -> tf.Tensor:
    """uint8 [H, W, 3]: alpha is dropped, grayscale and CMYK become RGB; a JPEG is decoded at the ratio of `network_picture.jpeg_ratio`."""

    def jpeg_shape() -> tf.Tensor:
        return tf.image.extract_jpeg_shape(data)[:2]

    def at(ratio: int) -> tf.Tensor:
        # This operation decodes PNG too. INTEGER_ACCURATE gives Pillow's pixels bit for bit and takes as long as the default, which never
        # does.
        return tf.io.decode_jpeg(data, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")

    sides = tf.cond(_is_png(data), lambda: tf.zeros([2], tf.int32), jpeg_shape)
    larger = [tf.reduce_all(sides >= ratio * image_size) for ratio in _JPEG_RATIOS[1:]]
    position = tf.reduce_sum(tf.cast(tf.stack(larger), tf.int32))
    decoded = tf.switch_case(position, [lambda ratio=ratio: at(ratio) for ratio in _JPEG_RATIOS])
    return tf.ensure_shape(decoded, [None, None, 3])


def _halve(picture: tf.Tensor, image_size: int) -> tf.Tensor:
    """Halves each side that is at least twice `image_size`: means of neighbours, rounded half up; an odd last row or column is dropped."""
    sides = tf.shape(picture)[:2]
    factors = tf.where(sides >= 2 * image_size, 2, 1)
    halves = sides // factors
    used = halves * factors
    # At this factor, bilinear interpolation with half-pixel centres is the mean of the two neighbours.
    means = tf.image.resize(picture[: used[0], : used[1]], halves)
    return tf.cast(tf.floor(means + 0.5), tf.uint8)


def turn_upright(picture: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """The upright picture from a square one that is stored with this EXIF orientation."""

    def turn() -> tf.Tensor:
        turned = tf.cond(orientation >= 5, lambda: tf.transpose(picture, [1, 0, 2]), lambda: picture)
        upside_down = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
        mirrored = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
        turned = tf.where(upside_down, turned[::-1], turned)
        return tf.where(mirrored, turned[:, ::-1], turned)

    # Nearly every photo is stored upright, and these steps take longer than decoding it.
    return tf.ensure_shape(tf.cond(orientation > 1, turn, lambda: picture), picture.shape)


def exif_orientation(data: tf.Tensor) -> tf.Tensor:
    """int32 scalar, 1 to 8: of a JPEG's Exif segment, or of a PNG's eXIf chunk, else its XMP; 1 if it is missing or out of range.

    The same rule as data/file_headers.py, by which photos are measured.
    """
    png = _is_png(data)
    return tf.cond(png | _mentions_exif(data), lambda: _stored_orientation(data, png), lambda: tf.constant(1))


def _is_png(data: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(data, 0, tf.minimum(tf.strings.length(data), len(_PNG))) == _PNG


def _mentions_exif(data: tf.Tensor) -> tf.Tensor:
    """Whether the name of the Exif segment is anywhere in the file: a search, and much quicker than reading the headers."""
    return tf.strings.length(tf.strings.regex_replace(data, _EXIF_ANYWHERE, "", replace_global=False)) < tf.strings.length(data)


def _stored_orientation(data: tf.Tensor, is_png: tf.Tensor) -> tf.Tensor:
    tiff, xmp = tf.cond(is_png, lambda: _png_blocks(data), lambda: (_exif_tiff(data), tf.constant(b"")))
    readable = tf.strings.length(tiff) >= _SMALLEST_TIFF
    by_exif = tf.cond(readable, lambda: _orientation_of_tiff(tiff), lambda: tf.constant(0))
    return tf.cond((by_exif > 0) | (xmp == b""), lambda: tf.maximum(by_exif, 1), lambda: _orientation_of_xmp(xmp))


def _png_blocks(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The TIFF block and the XMP chunk of a PNG, each the first that it has, or an empty string."""
    length = tf.cast(tf.strings.length(data), tf.int64)

    def is_chunk(at: tf.Tensor, _tiff: tf.Tensor, _xmp: tf.Tensor) -> tf.Tensor:
        return at + 12 <= length

    def next_chunk(at: tf.Tensor, tiff: tf.Tensor, xmp: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        head = tf.strings.substr(data, at, 8)
        octets = tf.ensure_shape(tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int64), [8])
        size, kind = tf.reduce_sum(octets[:4] * [1 << 24, 1 << 16, 1 << 8, 1]), tf.strings.substr(head, 4, 4)
        body = tf.cond((kind == b"eXIf") | (kind == b"iTXt"), lambda: tf.strings.substr(data, at + 8, size), lambda: tf.constant(b""))
        is_xmp = (kind == b"iTXt") & (tf.strings.substr(body, 0, tf.minimum(tf.strings.length(body), len(_XMP))) == _XMP)
        tiff = tf.where((tiff == b"") & (kind == b"eXIf"), body, tiff)
        return tf.where(kind == b"IEND", length, at + 12 + size), tiff, tf.where((xmp == b"") & is_xmp, body, xmp)

    start = tf.constant(len(_PNG), tf.int64)
    _, tiff, xmp = tf.while_loop(is_chunk, next_chunk, (start, tf.constant(b""), tf.constant(b"")))
    return tiff, xmp


def _orientation_of_xmp(xmp: tf.Tensor) -> tf.Tensor:
    value = tf.strings.regex_replace(xmp, _XMP_ORIENTATION, r"\1")
    return tf.cond(tf.strings.length(value) == 1, lambda: tf.strings.to_number(value, tf.int32), lambda: tf.constant(1))


def _exif_tiff(data: tf.Tensor) -> tf.Tensor:
    """The TIFF block in the JPEG's Exif segment, or an empty string.

    It steps from one header segment to the next: Exif can follow JFIF, XMP or a colour profile, and a plain search for its name could
    match inside those.
    """
    length = tf.strings.length(data)

    def is_header(at: tf.Tensor, _tiff: tf.Tensor) -> tf.Tensor:
        return (at > 0) & (at + 10 <= length)

    def next_segment(at: tf.Tensor, _tiff: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        head = tf.strings.substr(data, at, 10)
        octets = tf.ensure_shape(tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int32), [10])
        marker, size = octets[1], octets[2] * 256 + octets[3]
        is_marker, is_fill = octets[0] == 0xFF, octets[1] == _FILL
        is_exif = is_marker & (marker == _APP1) & (tf.strings.substr(head, 4, 6) == _EXIF)
        is_last = ~is_marker | (~is_fill & ((size < 2) | tf.reduce_any(tf.equal(marker, _NO_MORE_HEADERS))))
        tiff = tf.cond(is_exif, lambda: tf.strings.substr(data, at + 10, tf.maximum(size - 8, 0)), lambda: tf.constant(b""))
        after = tf.where(is_fill, at + 1, at + 2 + size)
        return tf.where(is_exif | is_last, 0, after), tiff

    is_jpeg = tf.cond(length >= 12, lambda: tf.strings.substr(data, 0, 2) == _START_OF_IMAGE, lambda: tf.constant(False))
    _, tiff = tf.while_loop(is_header, next_segment, (tf.where(is_jpeg, 2, 0), tf.constant(b"")))
    return tiff


def _orientation_of_tiff(tiff: tf.Tensor) -> tf.Tensor:
    """The orientation in a TIFF block's first directory, 0 without one; wrong offsets and counts are clipped to the block."""
    octets = tf.cast(tf.io.decode_raw(tiff, tf.uint8), tf.int64)
    length = tf.size(octets, out_type=tf.int64)
    little_endian = octets[0] == ord("I")

    def number(digits: tf.Tensor, size: int) -> tf.Tensor:
        least_first = tf.where(little_endian, digits, digits[..., ::-1])
        return tf.reduce_sum(least_first * tf.constant([256**power for power in range(size)], tf.int64), axis=-1)

    start = tf.minimum(number(octets[4:8], 4), length - 2)
    entries = tf.minimum(number(octets[start : start + 2], 2), (length - start - 2) // 12)
    directory = tf.reshape(octets[start + 2 : start + 2 + 12 * entries], [-1, 12])
    tag, kind = number(directory[:, 0:2], 2), number(directory[:, 2:4], 2)
    value = tf.where(kind == _SHORT, number(directory[:, 8:10], 2), number(directory[:, 8:12], 4))
    is_orientation = (tag == _ORIENTATION_TAG) & ((kind == _SHORT) | (kind == _LONG)) & (value >= 1) & (value <= 8)
    is_tiff = number(octets[2:4], 2) == _TIFF_MAGIC
    orientations = tf.boolean_mask(value, is_orientation & is_tiff)
    return tf.cast(tf.concat([orientations, [0]], axis=0)[0], tf.int32)
