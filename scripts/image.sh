#!/usr/bin/env bash
# Builds the image with whichever engine really works here: a docker client may have no engine behind it.
# IMAGE= names the image, BASE_IMAGE= what it starts from, ENGINE= the engine.
set -euo pipefail
cd "$(dirname "$0")/.."

for engine in ${ENGINE:-docker podman buildah}; do
  if "$engine" info >/dev/null 2>&1; then break; fi
  engine=
done
if [ -z "$engine" ]; then
  echo "No container engine works here: install podman, buildah or docker (and start its engine)." >&2
  exit 2
fi

# The host's package index and certificates serve the build as secrets, and stay out of the image.
settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
echo "[global]" >"$settings"
for name in index-url extra-index-url; do
  variable=PIP_${name^^}
  variable=${variable//-/_}
  value=${!variable:-$(python3 -m pip config get "global.$name" 2>/dev/null | tr '\n' ' ' || true)}
  [ -z "$value" ] || echo "$name = $value" >>"$settings"
done
args=(--tag "${IMAGE:-flowers_tfx:latest}" --secret "id=pip_conf,src=$settings")
certificates=${SSL_CERT_FILE:-${PIP_CERT:-}}
[ ! -f "$certificates" ] || args+=(--secret "id=certificates,src=$certificates")
[ -z "${BASE_IMAGE:-}" ] || args+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")

echo "Building ${IMAGE:-flowers_tfx:latest} with $engine." >&2
case $engine in
  docker) DOCKER_BUILDKIT=1 docker build "${args[@]}" . ;;
  podman) podman build "${args[@]}" . ;;
  # chroot isolation works where there is no right to make containers, too.
  buildah) buildah build --isolation "${BUILDAH_ISOLATION:-chroot}" "${args[@]}" . ;;
esac
