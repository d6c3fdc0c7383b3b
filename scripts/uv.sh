#!/usr/bin/env bash
# uv, in the pinned version, from .venv-tools, with the package index that pip is set up for:
# uv reads neither pip.conf nor PIP_*, so a host behind a mirror would otherwise reach for pypi.org in vain.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=.venv-tools
pin=$(sha256sum <requirements/uv.txt)

bootstrap() {
  local python
  for python in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python3.10 python; do
    # A name on PATH may be a shim that fails, and Debian's python3 comes without venv: run it before believing it.
    if "$python" -m venv --clear "$tools" >/dev/null 2>&1; then
      "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
      echo "$pin" >"$tools/pin"
      return
    fi
  done
  echo "No python3 here can make a virtual environment (on Debian and Ubuntu: apt-get install python3-venv)." >&2
  exit 2
}

# A setting of pip: the environment wins over pip's files, as it does for pip.
pip_setting() { # NAME, e.g. index-url
  local variable=PIP_${1//-/_}
  variable=${variable^^}
  echo "${!variable:-$("$tools/bin/python" -m pip config get "global.$1" 2>/dev/null || true)}"
}

if ! [ -x "$tools/bin/uv" ] || [ "$(cat "$tools/pin" 2>/dev/null)" != "$pin" ]; then bootstrap; fi

if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX:-}" ]; then
  index=$(pip_setting index-url)
  extra=$(pip_setting extra-index-url | tr '\n' ' ')
  [ -z "$index" ] || export UV_DEFAULT_INDEX=$index
  # pip takes a package from whichever index has it; by default, uv looks only into the first one that knows the name.
  [ -z "${extra// /}" ] || export UV_INDEX=$extra UV_INDEX_STRATEGY=${UV_INDEX_STRATEGY:-unsafe-best-match}
fi
if [ -z "${SSL_CERT_FILE:-}" ]; then
  cert=$(pip_setting cert)
  # Without one of pip's, the system's store: there a company's certificate would be.
  if [ -n "$cert" ]; then export SSL_CERT_FILE=$cert; else export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}; fi
fi

exec "$tools/bin/uv" "$@"
