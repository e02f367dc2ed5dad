#!/usr/bin/env bash
# Installs the system packages that deployd and its tests use and that are missing: as root through apt on
# Debian and Ubuntu; otherwise prints the one command to type. With the word `bench`, the benches' peers as well;
# with `binary`, what makes the single file.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

need git git
need node nodejs
need npm npm
need bwrap bubblewrap
need chromium chromium
need pebble pebble
need slirp4netns slirp4netns
need ip iproute2
need git-lfs git-lfs
need wrk wrk
need systemd-nspawn systemd-container
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
if [ "${1:-}" = bench ]; then
    need taskset util-linux
    need nginx nginx-light
    need haproxy haproxy
    need caddy caddy
fi
if [ "${1:-}" = binary ]; then
    need objcopy binutils
    # Debian's own Python is one program; the single file takes it as a library.
    [ "$(command -v python3)" != /usr/bin/python3 ] || ldconfig -p | grep -q "libpython$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ||
        missing+=("libpython$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')")
fi
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

[ ${#missing[@]} -eq 0 ] && exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing the missing system packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    $install -qq >/dev/null
    # Tests and benches start these by themselves: as services they are not wanted.
    for pair in openssh-server:ssh nginx-light:nginx haproxy:haproxy caddy:caddy; do
        if [ -d /run/systemd/system ] && [[ " ${missing[*]} " == *" ${pair%:*} "* ]]; then
            systemctl --quiet disable --now "${pair#*:}"
        fi
    done
else
    echo "These system packages are missing: ${missing[*]}. Install them, then run make again:" >&2
    echo "  sudo apt-get update && sudo $install" >&2
    exit 1
fi
