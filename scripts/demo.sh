#!/usr/bin/env bash
# The whole way once, on pictures that the program draws itself: photos, index, pipeline, predictions. Everything lands in demo/.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  echo
  echo "\$ flowers $*"
  .venv/bin/flowers "$@"
}

photos=demo/photos
[ -d "$photos" ] || step dataset sample "$photos" --per-class 120
step dataset index "$photos"
step run --runner local --config configs/demo.yaml

# Three photos, spread over the classes.
mapfile -t all < <(find "$photos" -name '*.jpg' | sort)
step predict --config configs/demo.yaml "${all[0]}" "${all[${#all[@]} / 2]}" "${all[-1]}"
