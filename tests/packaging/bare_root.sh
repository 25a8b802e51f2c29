#!/usr/bin/env bash
# Proves the README's commands on a bare Debian: a minimal root made with debootstrap that has python3,
# python3-venv and make, but no compiler, no libGL, no libglib and no browser; as a user who is not root.
#
#   tests/packaging/bare_root.sh [run|test|all]     (default: all)
#
# Needs root, debootstrap and git. The committed state is what is cloned and tried. The package index
# and the proxy are those that pip is configured with outside. BARE_ROOT keeps the root for another
# time: BARE_ROOT=/var/tmp/bare tests/packaging/bare_root.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

what="${1:-all}"
suite="${SUITE:-bookworm}"
root="${BARE_ROOT:-$(mktemp -d /var/tmp/signlens-bare.XXXXXX)}"
home=/home/newcomer
mounted=()

[ "$(id -u)" = 0 ] || { echo "this needs root (debootstrap and chroot)" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }

tidy() {
    for place in "${mounted[@]}"; do umount --lazy "$place" || true; done
    if [ -z "${BARE_ROOT:-}" ]; then rm -rf --one-file-system "$root"; fi
}
trap tidy EXIT

bind() { # SOURCE [OPTIONS]: the same path inside
    mkdir -p "$root$1"
    mount --bind ${2:+-o "$2"} "$1" "$root$1"
    mounted=("$root$1" "${mounted[@]}")
}

if [ ! -e "$root/.ready" ]; then
    mirror="$(sed -n 's/^URIs: *//p; s/^deb \(\[.*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1 || true)"
    echo "== making a bare $suite in $root"
    debootstrap --variant=minbase --include=python3,python3-venv,make "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log" >&2; exit 1; }
    chroot "$root" useradd --create-home newcomer
    touch "$root/.ready"
fi
mount -t proc proc "$root/proc" && mounted=("$root/proc" "${mounted[@]}")
bind /dev
cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true

# The same package index as outside, taken over now and kept nowhere.
settings=()
while IFS= read -r line; do settings+=("$line"); done < <(env | grep -E '^(PIP_|[a-z]+_proxy=|[A-Z]+_PROXY=|SSL_CERT|REQUESTS_CA)' || true)
python3 -m pip config debug 2>/dev/null | sed -n 's/^ *\(\/[^,]*\), exists: True$/\1/p' | while read -r file; do
    mkdir -p "$root$(dirname "$file")"
    cp "$file" "$root$file"
    if [[ "$file" == "$HOME"/* ]]; then
        mkdir -p "$root$home/${file%/*}" && install -D "$file" "$root$home${file#"$HOME"}"
    fi
done
while read -r path; do
    path="${path%/simple}" # an index on disk keeps its files beside its pages
    if [ -d "$path" ]; then bind "$path" ro; elif [ -f "$path" ] && [ ! -e "$root$path" ]; then install -D "$path" "$root$path"; fi
done < <({ python3 -m pip config list 2>/dev/null; printf '%s\n' "${settings[@]}"; } | grep -oE "(^|[^:/A-Za-z0-9])(file://)?/[^ '\":]+" | grep -oE '/[^/].*' | sort -u)

rm -rf "$root$home/signlens"
git clone --quiet --no-hardlinks . "$root$home/signlens"
chroot "$root" chown -R newcomer: "$home"

inside() { # COMMAND: in a login shell's bare environment, with nothing on standard input
    chroot --userspec=newcomer:newcomer "$root" env -i HOME="$home" PATH=/usr/bin:/bin LANG=C.UTF-8 "${settings[@]}" \
        bash -euc "cd $home/signlens; $1" </dev/null
}

for lacking in gcc cc chromium ffmpeg git; do
    if inside "command -v $lacking" >/dev/null; then echo "the root is not bare: it has $lacking" >&2; exit 1; fi
done
for lacking in libGL.so.1 libglib-2.0.so.0; do
    if inside "ldconfig -p 2>/dev/null || /sbin/ldconfig -p" | grep -qF "$lacking"; then echo "the root is not bare: it has $lacking" >&2; exit 1; fi
done

if [ "$what" != test ]; then
    echo "== make run, the first time"
    time inside "make run"
    inside "ls -l out/*.html"
    echo "== make run, again: it must install nothing"
    time inside "make run" 2>&1 | tee "$root/tmp/again.txt"
    if grep -qiE '(collecting|installing|requirement already) ' "$root/tmp/again.txt"; then
        echo "the second make run installed something" >&2
        exit 1
    fi
    inside ".venv/bin/signlens doctor"
fi
if [ "$what" != run ]; then
    echo "== make test"
    time inside "make test"
fi
echo "== the bare root is served"
