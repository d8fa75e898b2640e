#!/bin/sh
# Sees to it that PgBouncer is there for the tests behind a pooler: the system's, else the distribution's packages unpacked into
# the cache. Nothing is installed and no service is started. Prints its path.
set -eu
if [ "$(id -u)" = 0 ]; then base=/var/cache; else base="${XDG_CACHE_HOME:-$HOME/.cache}"; fi
cache="$base/cutover/pgbouncer"

for found in "${CUTOVER_PGBOUNCER:-}" "$(command -v pgbouncer || true)" /usr/sbin/pgbouncer "$cache/usr/sbin/pgbouncer"; do
    if [ -n "$found" ] && [ -x "$found" ]; then
        echo "$found"
        exit 0
    fi
done

if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    echo "PgBouncer is missing and this machine has no apt-get: install it, or set CUTOVER_PGBOUNCER" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "Fetching PgBouncer into $cache" >&2
(
    cd "$work"
    # What it links to beside the C library, TLS and PAM, which every Debian has.
    apt-get download --quiet --quiet pgbouncer libc-ares2 libevent-2.1-7 >&2 ||
        apt-get download --quiet --quiet pgbouncer libcares2 libevent-2.1-7t64 >&2
)
mkdir -p "$work/all"
for package in "$work"/*.deb; do dpkg -x "$package" "$work/all"; done
mkdir -p "$(dirname "$cache")"
rm -rf "$cache"
mv "$work/all" "$cache"
chmod -R a+rX "$cache"
echo "$cache/usr/sbin/pgbouncer"
