from __future__ import annotations

from collections.abc import Callable

import pytest

from flowers_tfx.storage import bucket_path, lease
from tests.unit.buckets import FakeStore


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    """What s3://bucket/... and gs://bucket/... mean in the test."""
    fake = FakeStore()
    monkeypatch.setattr(bucket_path, "open_store", lambda scheme, bucket: fake)
    monkeypatch.setattr(lease, "POLL_S", 0.01)
    return fake


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    return lambda seconds: monkeypatch.setattr(lease, "LEASE_S", seconds)
