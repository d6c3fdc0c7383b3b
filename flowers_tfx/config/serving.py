"""The section `serving`: how the web service answers. `flowers serve` reads it; nothing of it enters a model."""

from __future__ import annotations

from pydantic import Field, model_validator

from flowers_tfx.config.section import Section


class CanaryConfig(Section):
    version: int = Field(0, ge=0, description="version that answers a share of the requests beside the serving one; 0: none")
    share: float = Field(0.0, ge=0, le=1, description="share of the requests that the canary answers, 0 to 1")


class ServingConfig(Section):
    workers: int = Field(1, ge=1, le=256, description="processes that answer; each holds the model once")
    threads: int = Field(0, ge=0, le=256, description="threads of a worker that decode and answer photos; 0: one per processor, shared out")
    queue: int = Field(256, ge=1, le=100_000, description="photos that wait in a worker at most; above it the answer is 429")
    max_body_mb: float = Field(32.0, gt=0, le=1024, description="largest body of a request, MB; above it the answer is 413")
    max_requests: int = Field(512, ge=1, le=100_000, description="requests that a worker answers at a time; above it the answer is 429")
    timeout_s: float = Field(
        30.0, gt=0, le=3600, description="seconds in which a request must have arrived, and as many in which it is answered"
    )
    drain_s: float = Field(30.0, gt=0, le=3600, description="seconds that open requests get to end after SIGTERM")
    explanations: int = Field(
        1, ge=0, le=64, description="photos whose answers a worker explains at the same time, beside the predictions; 0: none"
    )
    explain_timeout_s: float = Field(
        30.0, gt=0, le=3600, description="seconds in which a request for explanations is answered, its wait for others included"
    )
    poll_s: float = Field(2.0, gt=0, le=3600, description="seconds between two looks for a new version in the registry")
    canary: CanaryConfig = CanaryConfig()
    shadow: int = Field(0, ge=0, description="version that is asked too and compared, and never answers; 0: none")
    record_dir: str = Field(
        "", description="folder that each answer is recorded in, with the properties of the photo, for `flowers monitor`; empty: off"
    )
    record_mb: float = Field(2000.0, ge=20, le=10_000_000, description="size of that folder at most, MB: the oldest records leave first")
    record_file_s: float = Field(600.0, ge=1, le=86_400, description="seconds after which a new file of records begins")
    keep_photos: float = Field(0.0, ge=0, le=1, description="share of the photos that are kept beside their records, 0 to 1; 0: none")
    feedback_dir: str = Field("", description="folder that `This is wrong` writes photos and a CSV to; empty: off, and no photo is kept")

    @model_validator(mode="after")
    def _canary_is_whole(self) -> ServingConfig:
        if bool(self.canary.version) != bool(self.canary.share):
            raise ValueError("canary needs a version and a share above 0, or neither")
        return self

    @model_validator(mode="after")
    def _photos_are_kept_beside_records(self) -> ServingConfig:
        if self.keep_photos and not self.record_dir:
            raise ValueError("keep_photos needs record_dir")
        return self
