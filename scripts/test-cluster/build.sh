#!/usr/bin/env bash
# Builds what a test cluster needs, unless it is built already, and prints its folder: kube (Kubernetes and kubectl in one program,
# from Go modules; four minutes on two cores) and images.tar. Needs Go 1.24 or later, and Docker with the image of test-image.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cowait-test
PATH=$PATH:/usr/local/go/bin
image=node:24-slim

fail() {
  echo "test cluster: $*" >&2
  exit 1
}

key=$(cd "$here" && cat kube/* pause/* | sha256sum | cut -c1-12)
folder=$cache/cluster-$key
mkdir -p "$folder"
exec 8>"$folder/lock"
flock 8
work=$(mktemp -d "$folder/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

build() { # SOURCE OUTPUT FLAGS...
  command -v go >/dev/null || fail 'Go is missing: install version 1.24 or later, as on its download page, or set PATH'
  local source=$work/$(basename "$1") output=$2
  cp -r "$1" "$source"
  (cd "$source" && go mod tidy && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w ${3:-}" -o "$work/built" .) \
    >"$folder/build.log" 2>&1 || { tail -n 20 "$folder/build.log" >&2; fail "building $1 failed"; }
  mv "$work/built" "$output"
}

if [ ! -x "$folder/kube" ]; then
  echo 'test cluster: building Kubernetes; this takes some minutes, once' >&2
  read -r _ version < <(grep -o 'k8s.io/kubernetes v.*' "$here/kube/go.mod")
  IFS=. read -r major minor _ <<<"${version#v}"
  variables=k8s.io/component-base/version
  build "$here/kube" "$folder/kube" "-X $variables.gitVersion=$version -X $variables.gitMajor=$major -X $variables.gitMinor=$minor"
fi

id=$(docker image inspect --format '{{.Id}}' "$image") || fail "$image is missing: run scripts/test-image.sh"
if [ "$(cat "$folder/images.id" 2>/dev/null)" != "$id" ]; then
  build "$here/pause" "$work/pause-program"
  mkdir "$work/root"
  mv "$work/pause-program" "$work/root/pause"
  tar -C "$work/root" -c pause | docker import --change 'ENTRYPOINT ["/pause"]' - cowait.test/pause:1 >/dev/null
  docker save --output "$work/images.tar" cowait.test/pause:1 "$image"
  docker rmi cowait.test/pause:1 >/dev/null
  mv "$work/images.tar" "$folder/images.tar"
  echo "$id" >"$folder/images.id"
fi
echo "$folder"
