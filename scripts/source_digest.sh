#!/usr/bin/env bash
# Prints a digest of what an image is built from: names and contents of the files that .dockerignore lets through, and its Dockerfile, which
# is the argument (Dockerfile.serve; without one, Dockerfile).
# Times, owners and the folder of the checkout play no part.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t sources < <(sed -n 's/^!//p' .dockerignore)
find "${1:-Dockerfile}" "${sources[@]}" -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
