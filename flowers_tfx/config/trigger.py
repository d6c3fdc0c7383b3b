"""The section `trigger`: runs on Kubeflow that events of a bucket and schedules start (deploy/trigger)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from flowers_tfx.config.section import Section, split_commas


class TriggerConfig(Section):
    source: str = Field("", description="folder where deliveries arrive, gs://BUCKET/PATH or s3://BUCKET/PATH")
    start: Literal["quiet", "marker"] = Field(
        "quiet",
        description="what starts a delivery of photos: `quiet`, a time without new ones, by `watch`, or a marker; `marker`: a marker alone",
    )
    markers: Annotated[tuple[str, ...], BeforeValidator(split_commas)] = Field(
        ("_READY", "_SUCCESS", "*.csv"),
        description="names of files that start a delivery at once, `*` for any letters; a CSV starts itself, another file its folder",
    )
    host: str = Field("", description="address of the Pipelines API, such as http://ml-pipeline.kubeflow:8888")
    package: str = Field("flowers.yaml", min_length=1, description="compiled package of the runs, a file beside the trigger")
    experiment: str = Field("flowers", min_length=1, max_length=128, description="experiment of the runs, created if it does not exist")
    token_file: str = Field("", description="file with the token of the Pipelines API; empty: FLOWERS_KUBEFLOW_TOKEN, else none")
    authentication: Literal["token", "platform"] = Field(
        "token", description="who refuses strangers: `token`, the trigger, by FLOWERS_TRIGGER_TOKEN; `platform`: IAM or OIDC in front of it"
    )
    claim_s: float = Field(
        300.0, gt=0, le=86_400, description="seconds after which a delivery is taken over from an instance that died at it"
    )

    @field_validator("markers")
    @classmethod
    def _plain_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any("/" in name or not name.strip("*") for name in value):
            raise ValueError("a marker is the name of a file, without its folder")
        return value
