#!/usr/bin/env bash
# Runs a command with KUBECONFIG set to a test cluster that ends with it: run.sh COMMAND... A KUBECONFIG that is set already is used
# as it is. TEST_CLUSTER is the cluster's folder, for tests that stop parts of it; its kubectl is on the path.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ -z "${KUBECONFIG:-}" ] || exec "$@"

bash "$here/../test-image.sh" || exit 1
built=$(bash "$here/build.sh") || exit 1
# What was left by one that was killed.
for left in "${TMPDIR:-/tmp}"/cowait-k.*/pid; do
  [ ! -e "$left" ] || grep -qs inside.sh "/proc/$(cat "$left")/cmdline" || bash "$here/stop.sh" "${left%/pid}"
done
folder=$(mktemp -d "${TMPDIR:-/tmp}/cowait-k.XXXXXX")
child=
finish() {
  code=$?
  trap '' INT TERM HUP
  [ -z "$child" ] || end_child
  bash "$here/stop.sh" "$folder" || code=1
  exit "$code"
}
end_child() {
  kill -TERM "$child" 2>/dev/null
  for _ in $(seq 50); do
    kill -0 "$child" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$child" 2>/dev/null
  wait "$child" 2>/dev/null
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The cluster's end of this pipe closes also when this script is killed.
mkfifo "$folder/guard"
exec 9<>"$folder/guard"
GUARD=$folder/guard TEST_CLUSTER_BUILT=$built bash "$here/start.sh" "$folder" 9>&- &
child=$!
wait "$child" || exit 1
PATH=$folder/bin:$PATH KUBECONFIG=$folder/admin.kubeconfig TEST_CLUSTER=$folder setpriv --pdeathsig TERM "$@" 9>&- &
child=$!
wait "$child"
code=$?
child=
exit "$code"
