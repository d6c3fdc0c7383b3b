#!/usr/bin/env bash
# Builds the image with whichever engine really works here (a docker client may have no engine behind it), and tells its name, id and size.
# From the environment: TARGET is pipeline or serve, IMAGE names the image, BASE_IMAGE what it starts from, ENGINE the engine; for pipeline
# alone, ACCELERATOR is cpu or gpu, WEIGHTS is a file to bake in, BEAM_BOOT an image to take Beam's boot program from. docs/image.md tells more.
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() {
  echo "$1" >&2
  exit 2
}

target=${TARGET:-pipeline}
case $target in
  pipeline) dockerfile=Dockerfile image=${IMAGE:-flowers_tfx:latest} ;;
  serve)
    dockerfile=Dockerfile.serve image=${IMAGE:-flowers_tfx-serve:latest}
    for name in ACCELERATOR WEIGHTS BEAM_BOOT; do
      [ -z "${!name:-}" ] || refuse "$name is for the image of the pipeline: leave it out with TARGET=serve."
    done
    ;;
  *) refuse "TARGET is pipeline or serve, not $target." ;;
esac
case ${ACCELERATOR:-cpu} in cpu | gpu) ;; *) refuse "ACCELERATOR is cpu or gpu, not $ACCELERATOR." ;; esac
[ -z "${WEIGHTS:-}" ] || [ -f "$WEIGHTS" ] || refuse "WEIGHTS=$WEIGHTS is not a file: name an .h5 file of weights, or leave it out."
for engine in ${ENGINE:-docker podman buildah}; do
  if "$engine" info >/dev/null 2>&1; then break; fi
  engine=
done
[ -n "$engine" ] || refuse "No container engine works here: install podman, buildah or docker (and start its engine)."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The host's package index and certificates serve the build as secrets, and stay out of the image.
settings=$work/pip.conf
echo "[global]" >"$settings"
for name in index-url extra-index-url; do
  variable=PIP_${name^^}
  variable=${variable//-/_}
  value=${!variable:-$(python3 -m pip config get "global.$name" 2>/dev/null | tr '\n' ' ' || true)}
  [ -z "$value" ] || echo "$name = $value" >>"$settings"
done
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' flowers_tfx/__init__.py)
args=(--file "$dockerfile" --tag "$image" --secret "id=pip_conf,src=$settings")
args+=(--build-arg "VERSION=$version" --build-arg "REVISION=$(scripts/source_digest.sh "$dockerfile")")
certificates=${SSL_CERT_FILE:-${PIP_CERT:-}}
[ ! -f "$certificates" ] || args+=(--secret "id=certificates,src=$certificates")
for name in BASE_IMAGE ACCELERATOR BEAM_BOOT; do
  [ -z "${!name:-}" ] || args+=(--build-arg "$name=${!name}")
done
if [ -n "${WEIGHTS:-}" ]; then
  mkdir -p "$work/extras/weights"
  install -m 644 "$WEIGHTS" "$work/extras/weights/"
  args+=(--build-context "extras=$work/extras")
fi

echo "Building $image with $engine." >&2
case $engine in
  docker) DOCKER_BUILDKIT=1 docker build "${args[@]}" . ;;
  # OCI's own format has no HEALTHCHECK.
  podman) podman build --format docker "${args[@]}" . ;;
  # Layers are kept, as the others do; chroot isolation works where there is no right to make containers, too.
  buildah) buildah build --format docker --layers --isolation "${BUILDAH_ISOLATION:-chroot}" "${args[@]}" . ;;
esac
read -r id size < <("$engine" images --no-trunc --format '{{.ID}} {{.Size}}' "$image")
echo "$image $id $size"
