#!/usr/bin/env bash
# Installs the packages in a fresh Debian, runs what they bring, builds a program with them, removes them, and sees that
# nothing is left. Run by mmdebstrap in a system that it throws away:
# in_clean_system.sh ROOT PACKAGES-DIRECTORY EXAMPLE-DIRECTORY
set -euo pipefail

readonly system=$1 packages=$2 example=$3

say() {
  printf '\n== %s\n' "$*"
}

# The system's own network and apt configuration are empty: this is the machine's apt, at work in there.
apt_install() {
  APT_CONFIG=$MMDEBSTRAP_APT_CONFIG DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 --yes --no-install-recommends \
    -o DPkg::Chroot-Directory="$system" -o DPkg::Use-Pty=false install "$@" </dev/null
}

inside() {
  chroot "$system" "$@" </dev/null
}

mkdir "$system/packages"
cp -- "$packages"/*.deb "$system/packages"
cp -r -- "$example" "$system/packages/example"

say "Install the programs and the library"
mapfile -t runtime < <(find "$system/packages" -name '*.deb' ! -name '*-dev_*')
apt_install "${runtime[@]}"
inside dispatchctl --version
inside dispatch-mock --version
inside gzip -t /usr/share/man/man1/dispatchctl.1.gz
inside ldconfig -p | grep -F libdispatchctl.so.

say "Look a courier up"
mkfifo "$system/ready"
inside dispatch-mock serve --listen 127.0.0.1:0 >"$system/ready" 2>/dev/null &
mock=$!
trap 'kill "$mock" 2>/dev/null || true' EXIT
# Stays open, so that the server never writes to a closed pipe.
exec 3<"$system/ready"
IFS= read -r -t 30 -u 3 ready
target=$(sed -E 's/.*"listen":\["([^"]+)".*/\1/' <<<"$ready")
inside dispatchctl lookup courier-42 --server "$target" -o ndjson | tee "$system/tmp/answer"
grep -q '"transport_mode":"bike"' "$system/tmp/answer"

say "Build with the development package"
apt_install g++ make cmake pkg-config
apt_install "$system"/packages/libdispatchctl-dev_*.deb
# shellcheck disable=SC2016  # for the shell in there
inside sh -ec 'cd /tmp; c++ -std=c++17 /packages/example/main.cc $(pkg-config --cflags --libs dispatchctl) -o by-pkg-config
  cmake -S /packages/example -B by-cmake >by-cmake.log; cmake --build by-cmake >>by-cmake.log'
inside /tmp/by-pkg-config "$target" courier-42
inside /tmp/by-cmake/quickstart "$target" courier-42

say "Remove"
kill "$mock"
wait "$mock" || true
trap - EXIT
names=()
files=()
for file in "$packages"/*.deb; do
  names+=("$(dpkg-deb --field "$file" Package)")
  # Every file, and of the directories those that are the package's own.
  mapfile -t -O "${#files[@]}" files < <(dpkg-deb --fsys-tarfile "$file" | tar --list | grep -E '[^/]$|dispatch[^/]*/$')
done
inside dpkg --purge "${names[@]}"
left=0
for file in "${files[@]}"; do
  if [[ -e $system/$file || -L $system/${file%/} ]]; then
    printf 'left behind: %s\n' "$file" >&2
    left=$((left + 1))
  fi
done
((left == 0)) || exit 1
printf 'of %d files and directories nothing is left\n' "${#files[@]}"
