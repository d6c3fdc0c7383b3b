"""The section `caching`: how old a cached result may be."""

from __future__ import annotations

from pydantic import Field, field_validator

from flowers_tfx.config.section import Section
from flowers_tfx.staleness import is_zero, parse_duration


class CachingConfig(Section):
    max_staleness: str = Field(
        "",
        description="cached results of all nodes are younger than this ISO 8601 duration: `P7D`, `PT12H`; `P0D`: nothing is cached; "
        "empty: results never expire",
    )
    nodes: dict[str, str] = Field({}, description="the same for single nodes, instead of `max_staleness`: `{Trainer: P30D}`")

    @field_validator("max_staleness")
    @classmethod
    def _duration(cls, value: str) -> str:
        if value:
            parse_duration(value)
        return value

    @field_validator("nodes")
    @classmethod
    def _durations(cls, value: dict[str, str]) -> dict[str, str]:
        for node_id, duration in value.items():
            try:
                parse_duration(duration)
            except ValueError as error:
                raise ValueError(f"the duration {duration!r} of {node_id} {error}") from None
        return value

    def duration_of(self, node_id: str) -> str:
        """Empty if results of the node never expire."""
        return self.nodes.get(node_id, self.max_staleness)

    def is_never_cached(self, node_id: str) -> bool:
        duration = self.duration_of(node_id)
        return bool(duration) and is_zero(duration)

    def periods(self) -> list[str]:
        """The durations whose periods are parts of cache keys."""
        return sorted({duration for duration in (self.max_staleness, *self.nodes.values()) if duration and not is_zero(duration)})
