from __future__ import annotations

import hashlib

from flowers_tfx.data.photo_cache import PhotoCache


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_a_photo_is_taken_once() -> None:
    cache = PhotoCache(10)
    cache.add("job", digest(b"photo"), b"photo")
    assert cache.take("job", digest(b"other")) is None
    assert cache.take("job", digest(b"photo")) == b"photo"
    assert cache.take("job", digest(b"photo")) is None


def test_it_holds_no_more_than_its_limit() -> None:
    cache = PhotoCache(10)
    photos = [b"12345", b"678901", b"23456"]
    for data in (photos[0], *photos):  # the first one twice: it counts once
        cache.add("job", digest(data), data)
    assert [cache.take("job", digest(data)) for data in photos] == [b"12345", None, b"23456"]
    cache.add("job", digest(photos[1]), photos[1])
    assert cache.take("job", digest(photos[1])) == photos[1]  # what was taken makes room


def test_photos_of_another_job_are_dropped() -> None:
    cache = PhotoCache(10)
    cache.add("one", digest(b"photo"), b"photo")
    cache.add("two", digest(b"12345678"), b"12345678")
    assert cache.take("one", digest(b"photo")) is None
    cache.clear("one")
    assert cache.take("two", digest(b"12345678")) == b"12345678"
    cache.add("two", digest(b"12345678"), b"12345678")
    cache.clear("two")
    assert cache.take("two", digest(b"12345678")) is None
