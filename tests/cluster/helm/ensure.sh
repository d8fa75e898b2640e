#!/usr/bin/env bash
# ensure.sh   prints the directory that has Helm 4's engine as a Python package, fetched into the cache on first use
set -euo pipefail
version=0.2.2
directory=${XDG_CACHE_HOME:-$HOME/.cache}/cutover-helm-$version
if [ ! -d "$directory/helm_python" ]; then
  rm -rf "$directory.partial"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$directory.partial" "helm-python-sdk==$version" >&2
  mv "$directory.partial" "$directory"
fi
echo "$directory"
