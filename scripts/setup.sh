#!/usr/bin/env bash
# Makes .venv from the lock, with hashes, and installs the checkout into it as editable. Does nothing where that is done already:
# the contents of the files behind it count, not their times. PYTHON= asks for an interpreter; without it, .venv keeps its own.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p .venv-tools
exec 9>.venv-tools.lock
flock 9 # two calls of make at once

stamp=.venv/.made-of
# The folder counts too: scripts in a virtual environment name it.
made_of=$({ pwd; cat requirements/lock.txt requirements/in.txt setup.py; } | sha256sum)
base() { "$1" -c 'import sys; print(sys.base_prefix, sys.version)' 2>/dev/null; }

current() {
  [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null || return 1
  [ -z "${PYTHON:-}" ] || [ "$(base "$PYTHON")" = "$(base .venv/bin/python)" ]
}

if current; then
  [ "$(cat "$stamp" 2>/dev/null)" != "$made_of" ] || exit 0
else
  python=$(scripts/pick_python.sh 9>&-)
  scripts/uv.sh venv --quiet --clear --no-python-downloads --python "$python" .venv 9>&-
fi
rm -f "$stamp"

# pyfarmhash and crcmod have no wheels for every Python: better one sentence now than a page of build log.
headers=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
compiler=$(type -P "${CXX:-c++}" g++ clang++ | head -n 1 || true)
if [ -z "$compiler" ] || ! printf '#include <string>\n#include <Python.h>\n' | "$compiler" -x c++ -fsyntax-only -I "$headers" - 2>/dev/null; then
  echo "pyfarmhash is built from source, and that takes a C++ compiler and Python's headers: on Debian and Ubuntu, apt-get install g++ python3-dev." >&2
  exit 2
fi

quiet=--quiet
[ ! -t 2 ] || quiet= # progress bars for people, no list of 300 packages for logs
echo "Installing the locked packages into .venv." >&2
# Builds from source use the locked setuptools as well.
scripts/uv.sh pip sync ${quiet:+"$quiet"} --python .venv/bin/python --require-hashes --build-constraints requirements/lock.txt requirements/lock.txt 9>&-
scripts/uv.sh pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable . 9>&-
# One look whether it all loads, with Python's bytecode kept: without it every later start takes several times as long, for example
# where PYTHONDONTWRITEBYTECODE is set.
env -u PYTHONDONTWRITEBYTECODE TF_CPP_MIN_LOG_LEVEL=3 .venv/bin/python -W ignore -c 'import runners.local' 2>"$stamp.log" 9>&- || {
  cat "$stamp.log" >&2
  exit 2
}
rm "$stamp.log"
echo "$made_of" >"$stamp"
