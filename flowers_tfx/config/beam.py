"""The section `beam`: the engine of the heavy steps and its options."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from flowers_tfx.config.section import Section, split_commas


class BeamConfig(Section):
    engine: Literal["direct", "direct-multi", "portable", "flink", "spark", "dataflow"] = Field(
        "direct",
        description="where the heavy steps run: `direct`: this process; `direct-multi`: processes of this machine; `portable`: whatever "
        "answers at `beam.job_endpoint`, such as Prism or the job server of Flink or Spark; `flink`, `spark`: Beam starts the job server "
        "itself; `dataflow`",
    )
    workers: int = Field(
        0,
        ge=0,
        le=4096,
        description="threads (direct), processes (direct-multi), parallel tasks (flink), machines at most (dataflow), processes per "
        "machine (portable, spark); 0: what the engine takes by itself, which is 1 for direct and the number of cores for direct-multi",
    )
    job_endpoint: str = Field("", description="portable: HOST:PORT of the job server")
    artifact_endpoint: str = Field(
        "", description="portable: HOST:PORT that takes the job's files; empty: the one that the job server names"
    )
    environment: Literal["", "loopback", "external", "process", "docker"] = Field(
        "",
        description="portable, flink, spark: where the Python workers run: `loopback`: in this process, for engines on this machine; "
        "`external`: worker pools; `process`: a program that the engine starts; `docker`: containers of `beam.sdk_container_image`",
    )
    environment_config: str = Field(
        "", description="HOST:PORT of the worker pool (external), or the path of the program that starts a worker (process)"
    )
    master: str = Field(
        "", description="flink: HOST:PORT of the JobManager's REST interface, or `[local]`; spark: spark://HOST:PORT, or `local[N]`"
    )
    job_server_jar: str = Field("", description="flink, spark: path of Beam's job-server jar; empty: Beam fetches that of its own version")
    sdk_container_image: str = Field("", description="dataflow, and environment docker: image of the workers, which holds this program")
    project: str = Field("", description="dataflow: id of the Google Cloud project")
    region: str = Field("", description="dataflow: such as europe-west4")
    temp_location: str = Field("", description="dataflow: gs://BUCKET/PATH for temporary and staged files")
    service_account: str = Field("", description="dataflow: e-mail of the account that the workers run as; empty: the project's default")
    machine_type: str = Field("", description="dataflow: machine type of the workers; empty: the service's choice")
    options: Annotated[tuple[str, ...], BeforeValidator(split_commas)] = Field(
        (), description="further Beam options, such as `--name=value`"
    )
