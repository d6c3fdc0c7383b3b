"""The address of a webhook as a configuration key."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def _check(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("must be an address that begins with https:// or http://")
    return value


WebhookAddress = Annotated[str, AfterValidator(_check)]  # empty: none
SIGNED_WITH = "file with the secret that signs these requests; empty: the variable FLOWERS_WEBHOOK_SECRET, or not signed"
