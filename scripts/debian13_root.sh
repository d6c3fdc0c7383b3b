#!/usr/bin/env bash
# Makes a Debian 13 root, once, and prints its path: the main stack's wheels need glibc >= 2.38, which older hosts lack.
# It is kept outside the checkout, in ${XDG_CACHE_HOME:-$HOME/.cache}/flowers_tfx/debian13; delete that folder to start over.
# Exit 3, after one sentence: no such root can be made on this host.
set -euo pipefail

packages=python3,python3-venv,python3-dev,g++,make,git,ca-certificates
cache=${XDG_CACHE_HOME:-$HOME/.cache}/flowers_tfx
root=$cache/debian13
new=$cache/debian13.new
log=$cache/debian13.log

cannot() {
  echo "No Debian 13 root for the main stack: $1." >&2
  exit 3
}

# The Debian mirror that the host itself uses, where it is a Debian.
mirror() {
  local sources=(/etc/apt/sources.list /etc/apt/sources.list.d)
  { grep -rhoE --include='*.list' --include='*.sources' '^(deb|URIs:)[^#]*https?://[^ ]+/debian/?( |$)' "${sources[@]}" 2>/dev/null || true; } \
    | grep -oE 'https?://[^ ]+' | head -n 1 || true
}

[ "$(id -u)" = 0 ] || cannot "only root can make and enter one"
# TensorFlow does not start in a root without /proc.
unshare --mount true 2>/dev/null || unshare --mount --map-root-user true 2>/dev/null || cannot "nothing may be mounted here"

mkdir -p "$cache"
exec 9>"$cache/debian13.lock"
flock 9 # two callers must not build it at once

if [ "$(cat "$root/.packages" 2>/dev/null)" = "$packages" ]; then
  echo "$root"
  exit 0
fi

if ! command -v debootstrap >/dev/null; then
  command -v apt-get >/dev/null || cannot "debootstrap is missing, and there is no apt-get to install it"
  { apt-get update && apt-get install -y debootstrap debian-archive-keyring; } >"$log" 2>&1 </dev/null \
    || cannot "apt-get could not install debootstrap (log: $log)"
fi

url=${FLOWERS_DEBIAN_MIRROR:-$(mirror)}
url=${url:-http://deb.debian.org/debian}
echo "Making a Debian 13 root in $root (about a minute)." >&2
rm -rf "$new"
# debootstrap knows nothing of apt's proxy, so it gets it as wget's.
proxy=$(apt-config dump --format '%v' Acquire::http::Proxy 2>/dev/null || true)
env ${proxy:+http_proxy="$proxy"} debootstrap --variant=minbase --include="$packages" trixie "$new" "$url" >"$log" 2>&1 </dev/null \
  || cannot "debootstrap failed: $(tail -n 1 "$log") (log: $log)"
rm -f "$new"/var/cache/apt/archives/*.deb
echo "$packages" >"$new/.packages"
# Under its final name only when it is complete.
rm -rf "$root"
mv "$new" "$root"
echo "$root"
