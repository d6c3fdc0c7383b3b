#!/usr/bin/env bash
# Makes the folder that is deployed: deploy/trigger/stage.sh OUT CONFIG PACKAGE
# CONFIG is the pipeline's configuration with the section `trigger`, PACKAGE what `flowers kubeflow compile` wrote. OUT must not exist.
set -euo pipefail
[ $# -eq 3 ] || { echo "usage: $0 OUT CONFIG PACKAGE" >&2; exit 2; }
out=$1
here=$(cd "$(dirname "$0")" && pwd)
[ ! -e "$out" ] || { echo "$out exists: name another folder." >&2; exit 2; }
for file in "$2" "$3"; do
  [ -f "$file" ] || { echo "$file is not a file." >&2; exit 2; }
done
mkdir -p "$out"
cp "$here/main.py" "$here/requirements.txt" "$here/Dockerfile" "$out/"
cp "$2" "$out/config.yaml"
cp "$3" "$out/flowers.yaml"
cp -R "$here/../../flowers_tfx" "$out/"
find "$out" -name __pycache__ -type d -prune -exec rm -r {} +
echo "$out"
