#!/usr/bin/env bash
# The whole story once, on pictures that the program draws itself. Everything lands in demo/. What is done already is not done again,
# so that a killed demo goes on where it was.
set -euo pipefail
cd "$(dirname "$0")/.."

config=configs/demo.yaml photos=demo/photos evening=demo/evening corrected=demo/evening-corrected
decisions=demo/data/decisions.jsonl

say() { printf '\n%s\n' "$*" | fold -s -w 100; }

step() {
  local word shown=flowers
  for word; do
    case $word in *' '*) shown+=" \"$word\"" ;; *) shown+=" $word" ;; esac
  done
  printf '\n$ %s\n' "$shown"
  .venv/bin/flowers "$@"
}

# A run that the data review has to stop: exit code 3.
blocked_run() {
  local code=0
  step run --config $config "$@" || code=$?
  [ $code != 3 ] || return 0
  echo "The data review had to stop this run, but it ended with exit code $code." >&2
  exit $((code ? code : 1))
}

decided() { grep -qs "\"action\": \"$1\", \"span\": $2," "$decisions"; }

if [ ! -d demo/data/span-2 ]; then
  say "1. A first delivery: pictures of five kinds of flowers, and the model that is trained on them."
  [ -d $photos ] || step dataset sample $photos --per-class 100
  step dataset index $photos
  step run --config $config

  say "2. A second delivery: photographed in the evening, in a small format. Somebody put the tulips among the roses and copied some files."
  [ -d $evening ] || step dataset sample $evening --per-class 24 --seed 1 --planted
  step dataset index $evening
fi

if ! decided reject 2; then
  say "The data review compares it with the photos that the model knows, and stops the run before anything is trained."
  blocked_run --set ingest.csv=$evening/all_data.csv
  step review --config $config
  say "A reviewer reads the report and rejects the delivery, since its labels are wrong."
  step review reject 2 --reason "The tulips lie among the roses." --by Ada --config $config
fi

if [ ! -d demo/data/span-3 ]; then
  say "3. The delivery again, corrected: the tulips in a folder of their own, without the copies."
  rm -rf $corrected
  cp -r $evening $corrected
  mkdir $corrected/tulips
  mv $corrected/roses/tulips_* $corrected/tulips/
  rm $corrected/*/*_copy.jpg
  step dataset index $corrected
  step ingest --csv $corrected/all_data.csv --replaces 2 --config $config
fi

if ! decided accept 3; then
  say "It is still dark and small, so the run is stopped once more."
  blocked_run
  say "That is wanted: the reviewer accepts these findings, with a reason."
  step review accept 3 --all-findings --reason "Evening pictures of a small camera: wanted." --by Ada --config $config
fi

say "4. The run goes on: a candidate is trained on both deliveries, and serves if it is not worse than the first model. Where nothing is new, nothing runs."
step run --config $config
step spans --config $config

say "The published model names three flowers."
mapfile -t all < <(find $photos -name '*.jpg' | sort)
step predict --config $config "${all[0]}" "${all[${#all[@]} / 2]}" "${all[-1]}"
say "For a browser:"
say "The report of the review: $(ls -t demo/pipeline/reviews/*/report.html | head -n 1)"
say "What the model relies on: $(ls -t demo/pipeline/Explainer/explanations/*/report.html | head -n 1)"
