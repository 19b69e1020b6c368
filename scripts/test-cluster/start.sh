#!/usr/bin/env bash
# Starts Kubernetes with one node: start.sh FOLDER, which is made and then holds its state, logs and admin.kubeconfig. Everything
# lives in namespaces of its own (processes, mounts, network), so that it all goes with its first process; the host sees a network
# link to the API and the pods, and cgroups. As root. With GUARD=PIPE (a named one) it also ends when nobody holds the pipe's other end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
folder=${1:?usage: start.sh FOLDER}
mkdir -p "$folder/log"
folder=$(realpath "$folder")
[ ! -e "$folder/pid" ] || { echo "test cluster: $folder is in use; stop.sh $folder ends it" >&2; exit 1; }
built=${TEST_CLUSTER_BUILT:-$(bash "$here/build.sh")}

fail() {
  echo "test cluster: $*; the ends of its logs:" >&2
  tail -n 5 "$folder"/log/* >&2
  bash "$here/stop.sh" "$folder"
  exit 1
}

# Links and addresses are told apart by a number that is free.
for number in $(seq 1 250); do
  host=10.213.$number.1 node=10.213.$number.2 link=cowait-k$number
  pods=10.$((216 + number / 64)).$((number % 64 * 4))
  ip link add "$link" type veth peer name "${link}n" 2>/dev/null && break
done
echo "$link" >"$folder/link"
mkdir "$folder/bin"
printf '#!/bin/sh\nexec "%s/kube" kubectl "$@"\n' "$built" >"$folder/bin/kubectl"
chmod +x "$folder/bin/kubectl"

setsid unshare --fork --kill-child --pid --mount-proc --net \
  bash "$here/inside.sh" "$folder" "$built" "$node" "$pods" >"$folder/log/cluster" 2>&1 </dev/null 8>&- &
pid=$!
echo "$pid" >"$folder/pid"
for _ in $(seq 500); do
  [ ! -e "$folder/unshared" ] || break
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.02
done
[ -e "$folder/unshared" ] || fail 'no namespaces'
ip link set "${link}n" netns "$pid" name node
ip addr add "$host/30" dev "$link"
ip link set "$link" up
ip route add "$pods.0/22" via "$node"

for _ in $(seq 1200); do
  [ ! -e "$folder/ready" ] || exit 0
  kill -0 "$pid" 2>/dev/null || fail 'it ended while it started'
  sleep 0.1
done
fail 'it was not ready after two minutes'
