#!/usr/bin/env bash
# Runs a command on the main stack, on any host that root can use: in the Debian 13 root, in a fresh copy of this checkout, with .venv/bin
# first on PATH. For example: scripts/main_stack.sh make test
# The copy's .venv stays between calls. Calls from one checkout wait for each other; FLOWERS_MAIN_STACK_COPY=name gives one a copy of its own.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 COMMAND..." >&2; exit 2; }
checkout=$(cd "$(dirname "$0")/.." && pwd)

root=$("$checkout/scripts/debian13_root.sh")
name=${FLOWERS_MAIN_STACK_COPY:-$(printf %s "$checkout" | sha256sum | head -c 8)}
place=/srv/$name # inside the root; the checkout in it, and shared/ beside that
copy=$root$place/checkout
mkdir -p "$copy"

exec 9>"$root$place/lock"
flock -n 9 || { echo "Waiting for another run in $place." >&2; flock 9; }

# Copies that nobody used for two weeks.
touch "$root$place"
find "$root/srv" -mindepth 1 -maxdepth 1 -mtime +14 -exec rm -rf {} +

copy_checkout() {
  find "$copy" -mindepth 1 -maxdepth 1 ! -name '.venv*' -exec rm -rf {} +
  # What git tracks or would track; a file deleted in the working tree is still in its index.
  cd "$checkout"
  git ls-files -z --cached --others --exclude-standard \
    | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done \
    | tar --create --null --no-recursion --files-from=- | tar --extract --directory "$copy"
}

# What it takes to reach package indexes from here: certificates, name servers, the settings of pip and of apt.
carry_settings() {
  local file
  for file in "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}" "${CURL_CA_BUNDLE:-}" "${PIP_CERT:-}" \
    "$(python3 -m pip config get global.cert 2>/dev/null || true)" /etc/ssl/certs/ca-certificates.crt \
    /etc/resolv.conf /etc/hosts /etc/pip.conf; do
    [ ! -f "$file" ] || install -D -m 644 "$file" "$root$file"
  done
  for file in .config/pip/pip.conf .pip/pip.conf; do
    [ ! -f ~/"$file" ] || install -D -m 644 ~/"$file" "$root/root/$file"
  done
  ! command -v apt-config >/dev/null || apt-config dump | grep -E '^Acquire::(http|https)::' >"$root/etc/apt/apt.conf.d/90host" || true
}

# A fresh environment: the host's own paths mean nothing in there.
environment() {
  printf '%s\0' HOME=/root LANG=C.UTF-8 "TERM=${TERM:-dumb}" \
    "PATH=$place/checkout/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  env -0 | grep -zE '^(PIP_|UV_|SSL_CERT_|REQUESTS_CA_BUNDLE=|CURL_CA_BUNDLE=|[a-z]+_proxy=|[A-Z]+_PROXY=|CI=|FLOWERS_|PYTEST_|OPENBLAS_|OMP_|TF_(CPP|ENABLE|NUM|XLA)_)' \
    | grep -zvE '^(PIP_FIND_LINKS|PIP_CACHE_DIR|UV_CACHE_DIR|UV_PYTHON[A-Z_]*)=' || true
}

# In a mount namespace of its own: the mounts are seen by nothing else, and end with the command, however it ends.
# A root without the right to mount (in a container) may still have it in a user namespace.
namespace=(unshare --mount)
"${namespace[@]}" true 2>/dev/null || namespace+=(--map-root-user)

# shellcheck disable=SC2016 # expanded by the inner shell; the environment comes in on file descriptor 3
enter='
  root=$1 place=$2 shared=$3
  shift 3
  for dir in proc sys dev; do mount --rbind "/$dir" "$root/$dir"; done
  if [ -d "$shared" ]; then
    mkdir -p "$root$place/shared"
    mount --bind "$shared" "$root$place/shared"
    mount -o remount,bind,ro "$root$place/shared"
  fi
  mapfile -u 3 -d "" -t variables
  exec 3<&- chroot "$root" env -i "${variables[@]}" bash -c "cd $place/checkout && exec \"\$@\"" bash "$@"
'

enter_root() { # COMMAND...
  "${namespace[@]}" bash -euc "$enter" bash "$root" "$place" "$checkout/../shared" "$@" 3< <(environment) 9>&-
}

copy_checkout
carry_settings
enter_root scripts/setup.sh
enter_root "$@"
