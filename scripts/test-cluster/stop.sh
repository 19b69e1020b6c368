#!/usr/bin/env bash
# Ends the cluster that start.sh started: stop.sh FOLDER. Removes the folder and whatever else it left. Idempotent.
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin
folder=$(realpath "${1:?usage: stop.sh FOLDER}")
pid=$(cat "$folder/pid" 2>/dev/null)

# Not by kill -0: whoever must reap it may take its time.
is_living() { grep -qs inside.sh "/proc/$pid/cmdline"; }

if [ -n "$pid" ] && is_living; then
  # With the first process of a namespace all others end.
  kill -KILL $(cat "/proc/$pid/task/$pid/children") 2>/dev/null
  for _ in $(seq 200); do
    is_living || break
    sleep 0.05
  done
fi
[ ! -e "$folder/link" ] || ip link del "$(cat "$folder/link")" 2>/dev/null
for _ in $(seq 100); do
  left=$(find /sys/fs/cgroup -maxdepth 2 -type d -name "cowait-test-$pid" 2>/dev/null)
  [ -n "$pid" ] && [ -n "$left" ] || break
  find $left -depth -type d -exec rmdir {} + 2>/dev/null
  sleep 0.05
done
for _ in $(seq 20); do
  rm -rf "$folder" 2>/dev/null && break
  sleep 0.1
done
[ ! -e "$folder" ] || { echo "test cluster: $folder cannot be removed" >&2; exit 1; }
