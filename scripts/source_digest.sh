#!/usr/bin/env bash
# Prints a digest of what the image is built from: names and contents of the files that .dockerignore lets through, and the Dockerfile.
# Times, owners and the folder of the checkout play no part.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t sources < <(sed -n 's/^!//p' .dockerignore)
find Dockerfile "${sources[@]}" -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
