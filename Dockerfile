# One image for every step of the pipeline, on the main stack. docker, podman and buildah build it: `make image`.
# BASE_IMAGE: anything with Debian 13's apt; both stages start from it.
ARG BASE_IMAGE=debian:trixie-slim

FROM ${BASE_IMAGE} AS build
# pyfarmhash and crcmod are built from source; the compiler stays behind in this stage.
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv python3-dev g++
WORKDIR /src
COPY scripts/uv.sh scripts/
COPY requirements requirements
# What comes before `# dev` in the list; uv checks each package against the lock's hashes. The secrets are optional: the package
# index and the certificates of the host that builds.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf --mount=type=secret,id=certificates \
    if [ -f /run/secrets/certificates ]; then export SSL_CERT_FILE=/run/secrets/certificates PIP_CERT=/run/secrets/certificates; fi \
    && python3 -m venv --without-pip /opt/flowers \
    && sed '/^# dev/,$d' requirements/in.txt >/tmp/runtime.txt \
    && scripts/uv.sh pip install --no-cache --python /opt/flowers/bin/python -r /tmp/runtime.txt \
        --constraints requirements/lock.txt --build-constraints requirements/lock.txt
# The code last: an edit rebuilds nothing above.
COPY setup.py pyproject.toml pipeline_def.py ./
COPY flowers_tfx flowers_tfx
COPY runners runners
COPY schema schema
COPY configs configs
RUN scripts/uv.sh pip install --no-cache --offline --python /opt/flowers/bin/python --no-deps --no-build-isolation .

FROM ${BASE_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 flowers
COPY --from=build /opt/flowers /opt/flowers
ENV PATH=/opt/flowers/bin:$PATH PYTHONUNBUFFERED=1
USER flowers
WORKDIR /home/flowers
ENTRYPOINT ["flowers"]
