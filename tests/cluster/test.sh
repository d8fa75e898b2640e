#!/usr/bin/env bash
# test.sh [ARGUMENTS...]   runs the cluster tests; arguments go to the test program (a filter, --nocapture).
#   --bench                        measures the ways to a database in a cluster instead (benches/gateways)
#   CUTOVER_TEST_KUBECONFIG=FILE   on an existing cluster, in namespaces of their own (kind, k3s: CONTRIBUTING.md)
#   as root                        on a Kubernetes of their own, built once (kubernetes/README.md)
#   otherwise                      each test says that it is skipped, and why
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
kubernetes=tests/cluster/kubernetes
logs=${CUTOVER_CLUSTER_LOGS:-${CARGO_TARGET_DIR:-target}/cluster-logs}

what=(test --locked --no-fail-fast --test cluster)
if [ "${1:-}" = --bench ]; then
  what=(bench --locked --bench gateways)
  shift
fi
run() { ${CARGO:-cargo} "${what[@]}" -- "$@"; }

skip() { # REASON ARGUMENTS...
  CUTOVER_CLUSTER_MISSING=$1 run "${@:2}"
  exit
}

# What is missing is installed, once; what it says of it goes where a reader looks only when it fails.
prepare() {
  "$kubernetes/build.sh" || "$kubernetes/build.sh" --install
  "$kubernetes/run.sh" api true || { "$kubernetes/build.sh" --install && "$kubernetes/run.sh" api true; }
}

if [ -n "${CUTOVER_TEST_KUBECONFIG:-}" ]; then
  run "$@"
  exit
fi
[ "$(id -u)" = 0 ] || skip "the test cluster needs root; or set CUTOVER_TEST_KUBECONFIG" "$@"
command -v apt-get >/dev/null || skip "the test cluster is made of Debian's packages; set CUTOVER_TEST_KUBECONFIG" "$@"
# Compiled first: in there nothing reaches the network.
${CARGO:-cargo} "${what[@]}" --no-run
prepare >&2 || skip "the test cluster could not be built" "$@"
# Its own: in there processes have other numbers, and whoever tells by them what is in use must not meet ours.
TMPDIR=$(mktemp -d)
chmod 1777 "$TMPDIR"
export TMPDIR
code=0
CARGO_NET_OFFLINE=true CUTOVER_CLUSTER_LOGS=$logs "$kubernetes/run.sh" node \
  "${CARGO:-cargo}" "${what[@]}" -- "$@" || code=$?
rm -rf "$TMPDIR"
if [ "$code" = 0 ]; then rm -rf "$logs"; else echo "the cluster's logs: $logs" >&2; fi
exit "$code"
