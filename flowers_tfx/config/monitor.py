"""The section `monitor`: when and how what was served is reviewed. `flowers monitor` reads it; nothing of it enters a model."""

from __future__ import annotations

from pydantic import Field

from flowers_tfx.config.section import Section
from flowers_tfx.config.webhook_address import SIGNED_WITH, WebhookAddress


class MonitorConfig(Section):
    every: str = Field(
        "1h",
        description="how often `flowers monitor --watch` reviews: `30m`, `1h`, `1d`, or cron's five fields in UTC, such as `15 * * * *`",
    )
    hours: float = Field(24.0, gt=0, le=24 * 366, description="a review looks at the requests of so many hours")
    smallest_count: int = Field(50, ge=2, le=100_000, description="different photos that a review needs; with fewer there is none")
    largest_count: int = Field(
        5000, ge=100, le=200_000, description="different photos that a review compares, of more a sample: they are in memory, 5 kB each"
    )
    webhook: WebhookAddress = Field(
        "", description="URL that gets a POST when the verdict on what a version was asked changes; empty: none"
    )
    webhook_secret_file: str = Field("", description=SIGNED_WITH)
