# One image for every step of the pipeline and for Beam's workers, on the main stack. docker, podman and buildah build it: `make image`.
# docs/image.md tells the arguments.
# BASE_IMAGE: anything with Debian 13's apt. BEAM_BOOT: an image that holds /opt/apache/beam/boot.
ARG BASE_IMAGE=debian:trixie-slim
ARG BEAM_BOOT=no-boot

FROM ${BASE_IMAGE} AS no-boot
RUN mkdir -p /opt/apache/beam

FROM ${BEAM_BOOT} AS boot

# Stands aside for a build context of this name, whose folder `weights` goes into the image.
FROM ${BASE_IMAGE} AS extras
RUN mkdir /weights

FROM ${BASE_IMAGE} AS build
# pyfarmhash and crcmod are built from source; the compiler stays behind in this stage.
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv python3-dev g++
WORKDIR /src
COPY scripts/uv.sh scripts/
COPY requirements requirements
# cpu or gpu: with gpu, NVIDIA's libraries in the versions of requirements/gpu.txt; the image needs the driver of the host alone.
ARG ACCELERATOR=cpu
# What comes before `# dev` in the list; uv checks each package against the lock's hashes. The secrets are optional: the package
# index and the certificates of the host that builds. pip stays: Beam's boot program asks it what is installed.
# Bytecode is made here, once, and taken as it is: every step starts in a fresh container, and cannot write it.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=certificates \
    case $ACCELERATOR in cpu) extra= ;; gpu) extra='tensorflow[and-cuda]' ;; \
      *) echo "ACCELERATOR is cpu or gpu, not $ACCELERATOR." >&2; exit 2 ;; esac \
    && if [ -f /run/secrets/certificates ]; then export SSL_CERT_FILE=/run/secrets/certificates PIP_CERT=/run/secrets/certificates; fi \
    && python3 -m venv /opt/flowers \
    && sed '/^# dev/,$d' requirements/in.txt >/tmp/runtime.txt && echo "$extra" >>/tmp/runtime.txt \
    && PYC_INVALIDATION_MODE=UNCHECKED_HASH scripts/uv.sh pip install --no-cache --compile-bytecode --python /opt/flowers/bin/python \
        -r /tmp/runtime.txt --constraints requirements/lock.txt --constraints requirements/gpu.txt --build-constraints requirements/lock.txt
# The code last: an edit rebuilds nothing above.
COPY setup.py pyproject.toml pipeline_def.py ./
COPY flowers_tfx flowers_tfx
COPY runners runners
COPY schema schema
COPY configs configs
RUN PYC_INVALIDATION_MODE=UNCHECKED_HASH scripts/uv.sh pip install --no-cache --offline --compile-bytecode --python /opt/flowers/bin/python \
    --no-deps --no-build-isolation .
COPY --chmod=755 scripts/entrypoint.sh /opt/flowers/bin/entrypoint
COPY --from=extras /weights/ /opt/flowers/weights/

FROM ${BASE_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && useradd --create-home --uid 1000 flowers
COPY --from=boot /opt/apache/beam/ /opt/apache/beam/
COPY --from=build /opt/flowers /opt/flowers
# Beam's boot program makes no environment of its own for a job: everything is installed, and this user could not write one.
ENV PATH=/opt/flowers/bin:$PATH PYTHONUNBUFFERED=1 RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
USER flowers
WORKDIR /home/flowers
ENTRYPOINT ["entrypoint"]
# Last, since they change with every edit. `make image` gives them.
ARG BASE_IMAGE
ARG ACCELERATOR=cpu
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="flowers_tfx" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      flowers_tfx.accelerator="${ACCELERATOR}"
