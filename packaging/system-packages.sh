#!/usr/bin/env bash
# Installs the system packages that are missing for a purpose: as root through apt on Debian and Ubuntu; otherwise prints
# the one command to type. `run` is what deployd and its demo use, `test` is more, `bench` its peers on top, `vm` what
# boots a virtual machine, `binary` what makes the single file alone.
set -euo pipefail
purpose=${1:-run}

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

need git git
need bwrap bubblewrap
need slirp4netns slirp4netns
need ip iproute2
# What node is linked to, from 26 on.
compgen -G '/usr/lib*/libatomic.so.1' >/dev/null || compgen -G '/usr/lib/*/libatomic.so.1' >/dev/null || missing+=(libatomic1)
python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null 2>&1; then
    missing+=(python3 python3-venv)
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=(python3-venv)
fi
[ -e /etc/ssl/certs/ca-certificates.crt ] || [ -n "${SSL_CERT_FILE:-}" ] || missing+=(ca-certificates)

if [ "$purpose" = test ] || [ "$purpose" = bench ]; then
    need node nodejs
    need npm npm
    need chromium chromium
    need pebble pebble
    need git-lfs git-lfs
    need wrk wrk
    need zsh zsh
    need fish fish
    need systemd-nspawn systemd-container
    [ -x /usr/sbin/sshd ] || missing+=(openssh-server)
    [ -x /usr/sbin/debootstrap ] || missing+=(debootstrap)
fi
if [ "$purpose" = bench ]; then
    need taskset util-linux
    need nginx nginx-light
    need haproxy haproxy
    need caddy caddy
fi
if [ "$purpose" = vm ]; then
    need qemu-system-x86_64 qemu-system-x86
    need mkfs.ext4 e2fsprogs
    need ssh openssh-client
    [ -x /usr/sbin/debootstrap ] || missing+=(debootstrap)
fi
if [ "$purpose" != run ]; then # The tests make the single file, too.
    need objcopy binutils
    # Debian's own Python is one program; the single file takes it as a library.
    [ "$(command -v python3)" != /usr/bin/python3 ] || ldconfig -p | grep -q "libpython$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ||
        missing+=("libpython$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')")
fi

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
elif command -v apt-get >/dev/null 2>&1; then
    echo "These system packages are missing: ${missing[*]}. Install them, then run make again:" >&2
    echo "  sudo apt-get update && sudo $install" >&2
    exit 1
else
    echo "These programs are missing, here by the names of their Debian packages: ${missing[*]}." >&2
    echo "Install them with this system's own package manager, then run make again." >&2
    exit 1
fi
