"""The section `watch`: when new files become a delivery. `flowers watch` and the cloud trigger read it; nothing of it enters a model."""

from __future__ import annotations

from pydantic import Field

from flowers_tfx.config.section import Section
from flowers_tfx.config.webhook_address import SIGNED_WITH, WebhookAddress


class WatchConfig(Section):
    quiet_s: float = Field(60.0, ge=0, le=86_400, description="a delivery starts when nothing has arrived for so many seconds")
    longest_wait_s: float = Field(
        3600.0, ge=0, le=30 * 86_400, description="... and in any case so many seconds after its first file arrived"
    )
    smallest_count: int = Field(1, ge=1, description="photos that a delivery waits for, until the longest wait is over")
    stable_s: float = Field(5.0, ge=0, le=3600, description="seconds in which a file on a disk has not changed: it is complete")
    poll_s: float = Field(10.0, gt=0, le=86_400, description="seconds between two looks at the files, and at the decisions of reviewers")
    retries: int = Field(3, ge=0, le=100, description="how often an ingest or a run that failed is tried again")
    retry_s: float = Field(30.0, ge=0, le=86_400, description="seconds before the first of these tries; each next wait is twice as long")
    webhook: WebhookAddress = Field("", description="URL that gets a POST when a model is pushed, a run is blocked or failed; empty: none")
    webhook_secret_file: str = Field("", description=SIGNED_WITH)
