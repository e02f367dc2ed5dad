#!/bin/sh
# deployd @VERSION@ in one file: these lines, and behind them a packed folder. At the first start it is unpacked, once for each
# version, and from then on these lines only start what lies there. They end by becoming it: one process, one pid.
set -eu
id=@ID@

fail() {
    echo "deployd: $1" >&2
    exit 1
}

case $0 in
    /*) file=$0 ;;
    *) file=$PWD/${0#./} ;;
esac

run() {
    DEPLOYD_FILE=$file
    export DEPLOYD_FILE
    folder=$1/$id
    shift
    exec "$folder/deployd" "$@"
}

# Root's folder serves all users; what it holds nobody else can change. Otherwise each user has one of their own.
shared=/usr/local/lib/deployd
own=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/deployd
temporary=/var/tmp/deployd-$(id -u)
mine() { [ -O "$1" ] && [ ! -L "$1" ]; }
if [ -z "${DEPLOYD_UNPACK-}" ]; then
    [ -x "$shared/$id/deployd" ] && run "$shared" "$@"
    [ -x "$own/$id/deployd" ] && mine "$own" && run "$own" "$@"
    [ -x "$temporary/$id/deployd" ] && mine "$temporary" && run "$temporary" "$@"
fi

machine=$(uname -m)
[ "$machine" = @MACHINE@ ] || fail "this file is for @MACHINE@, and this machine is $machine: take the file for $machine."
for program in tail gzip tar mktemp; do
    command -v "$program" >/dev/null || fail "to unpack itself it needs the program $program: install it."
done

# The first place that takes it and lets programs run; /tmp and home folders may do neither.
advice="set XDG_CACHE_HOME to a folder with @MEGABYTES@ MB free where programs may run"
unpack() {
    base=$1
    (umask 077 && mkdir -p "$base") 2>/dev/null || return 1
    mine "$base" || return 1
    new=$(mktemp -d "$base/.new-XXXXXX" 2>/dev/null) || return 1
    trap 'rm -rf "$new"' EXIT
    trap 'exit 1' HUP INT TERM
    chmod 755 "$new"
    if ! said=$({ tail -c +@OFFSET@ "$file" | gzip -dc | tar -xof - -C "$new"; } 2>&1); then
        why="it could not be unpacked in $base ($said)"
    elif ! [ -f "$new/deployd" ]; then
        fail "$file is damaged, or was replaced a moment ago: start it again, or download it again."
    elif ! said=$("$new/deployd" --help 2>&1 >/dev/null); then
        why="it could not be run from $base ($said)"
    else
        sync -f "$new" 2>/dev/null || :
        mv -T "$new" "$base/$id" 2>/dev/null || [ -x "$base/$id/deployd" ] || return 1
        rm -rf "$new"
        trap - EXIT HUP INT TERM
        return 0
    fi
    rm -rf "$new"
    trap - EXIT HUP INT TERM
    return 1
}

why="none of its folders can be written"
for base in ${DEPLOYD_UNPACK:-"$own" "$temporary"}; do
    if unpack "$base"; then
        DEPLOYD_UNPACKED=1
        export DEPLOYD_UNPACKED
        run "$base" "$@"
    fi
done
fail "$why: $advice."
