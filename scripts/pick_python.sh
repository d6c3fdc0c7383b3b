#!/usr/bin/env bash
# Prints the interpreter to use, and says on stderr which stack that makes (requirements/in.txt): the main one, TFX 1.21 on
# Python 3.11-3.13, where glibc is new enough for its wheels, else TFX 1.16 on Python 3.10. Exit 2: there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2 || true)
glibc=${glibc:-0}

new_glibc() { [ "$(printf '%s\n' 2.38 "$glibc" | sort -V | head -n 1)" = 2.38 ]; }

# The version of an interpreter that really runs (a name on PATH may be a dead pyenv shim), else nothing.
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

# Fit: it runs, has the version, has its headers (pyfarmhash is built from source), and is not inside a virtual environment
# (ours may be first on PATH, and is about to be replaced).
fit() {
  [ "$(version "$1")" = "$2" ] && "$1" -c '
import os, sys, sysconfig
headers = os.path.join(sysconfig.get_path("include"), "Python.h")
sys.exit(sys.prefix != sys.base_prefix or not os.path.exists(headers))'
}

candidates() { # VERSION: on PATH, then pyenv's, then what uv finds
  type -aP "python$1" python3 || true
  printf '%s\n' {"${PYENV_ROOT:-$HOME/.pyenv}",~/.pyenv}/versions/"$1"*/bin/python"$1" | sort -Vru
  scripts/uv.sh python find --no-python-downloads "$1" 2>/dev/null || true
}

find_python() { # VERSION
  local python
  while read -r python; do
    if fit "$python" "$1"; then
      echo "$python"
      return
    fi
  done < <(candidates "$1")
  return 1
}

use() { # INTERPRETER VERSION
  local stack="the main stack, TFX 1.21"
  [ "$2" != 3.10 ] || stack="the stack for older hosts, TFX 1.16"
  echo "Python $2 ($1): $stack." >&2
  echo "$1"
  exit 0
}

if [ -n "${PYTHON:-}" ]; then
  picked=$(type -P "$PYTHON" || true)
  found=$(version "${picked:-$PYTHON}")
  case $found in
    3.10) use "$picked" "$found" ;;
    3.11 | 3.12 | 3.13)
      new_glibc && use "$picked" "$found"
      echo "PYTHON=$PYTHON is Python $found, whose TFX needs glibc >= 2.38, and this host has $glibc: give a Python 3.10, or use the container (make image)." >&2
      ;;
    "") echo "PYTHON=$PYTHON does not run." >&2 ;;
    *) echo "PYTHON=$PYTHON is Python $found, and flowers_tfx needs 3.10 to 3.13." >&2 ;;
  esac
  exit 2
fi

versions=3.10
! new_glibc || versions="3.13 3.12 3.11 3.10"
for wanted in $versions; do
  ! python=$(find_python "$wanted") || use "$python" "$wanted"
done

wanted=${versions%% *}
echo "No Python $wanted with its headers here: letting uv fetch one." >&2
if scripts/uv.sh python install --quiet "$wanted" >&2; then
  use "$(scripts/uv.sh python find --managed-python "$wanted")" "$wanted"
fi

ways="pyenv install 3.10, or uv python install 3.10"
! new_glibc || ways="apt-get install python3-dev python3-venv (Debian 13, Ubuntu 24.04), pyenv install 3.13, or uv python install 3.13"
echo "No Python that flowers_tfx can use: get one with $ways, name one with PYTHON=, or use the container (make image)." >&2
exit 2
