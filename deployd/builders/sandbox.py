"""The command lines that shut a build step in: bubblewrap, and for root, a change to another user before."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

PROJECT = "/app"
CACHE = "/cache"
PROGRAMS = "/opt/deployd/bin"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STEP = 'ulimit -c 0; ulimit -n 65536 2>/dev/null; sh -c "$0"; exit $?'
"""The outer shell is process 1 of the sandbox: it reaps what the step leaves behind and passes its exit code on."""

_STAGE = "/mnt"
"""Root mounts here, in a mount namespace of its own, what the unprivileged user could not reach by its path."""

_ETC = (
    "resolv.conf",
    "hosts",
    "host.conf",
    "nsswitch.conf",
    "gai.conf",
    "services",
    "protocols",
    "passwd",
    "group",
    "localtime",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ssl",
    "ca-certificates",
    "pki",
    "alternatives",
    "mime.types",
)
_TOP_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


class Bind(msgspec.Struct, frozen=True):
    """A path of this host that the sandbox shows at `inside`."""

    source: Path
    inside: str
    writable: bool = False
    file: bool = False


class User(msgspec.Struct, frozen=True):
    uid: int
    gid: int


def base_env(cache: str, programs: Sequence[str], interpreter: str) -> dict[str, str]:
    """What every build finds, each tool's cache among it."""
    return {
        "PATH": ":".join([*programs, SEARCH_PATH]),
        "HOME": f"{cache}/home",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "npm_config_cache": f"{cache}/npm",
        "npm_config_update_notifier": "false",
        "XDG_CACHE_HOME": f"{cache}/xdg",
        "PIP_CACHE_DIR": f"{cache}/pip",
        "UV_CACHE_DIR": f"{cache}/uv",
        "UV_LINK_MODE": "copy",
        "UV_NO_PROGRESS": "1",
        # Python environments to be used again: they only fit the interpreter that they were made with.
        "KEPT": f"{cache}/kept-{Path(interpreter).name}",
        "UV_PYTHON": interpreter,
        "UV_PYTHON_DOWNLOADS": "never",
        # Compiled here once and valid wherever the release is unpacked, so that no start has to compile.
        "UV_COMPILE_BYTECODE": "1",
        "PYC_INVALIDATION_MODE": "UNCHECKED_HASH",
    }


def env_arguments(env: Mapping[str, str]) -> bytes:
    """What bwrap reads with `--args`: values stay out of argv, and out of the environment of anything outside."""
    return b"".join(f"--setenv\0{key}\0{value}\0".encode("utf-8", "surrogateescape") for key, value in env.items())


def bwrap_argv(step: str, binds: Sequence[Bind], args_fd: int, links: Mapping[str, str], at: str = ".") -> list[str]:
    """`links` are the host's top folders that are links into /usr; the network stays, everything else is new.

    `at` is the folder of the project that the step starts in.
    """
    argv = ["bwrap", "--args", str(args_fd), "--as-pid-1", "--die-with-parent", "--new-session"]
    argv += [
        "--unshare-user",
        "--disable-userns",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]
    argv += ["--hostname", "build", "--cap-drop", "ALL", "--ro-bind", "/usr", "/usr"]
    for name, target in links.items():
        argv += ["--symlink", target, f"/{name}"]
    for name in _TOP_FOLDERS:
        if name not in links:
            argv += ["--ro-bind-try", f"/{name}", f"/{name}"]
    for name in _ETC:
        argv += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    argv += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for bind in binds:
        argv += ["--bind" if bind.writable else "--ro-bind", str(bind.source), bind.inside]
    return [
        *argv,
        "--remount-ro",
        "/",
        "--chdir",
        PROJECT if at == "." else f"{PROJECT}/{at}",
        "--",
        "sh",
        "-c",
        STEP,
        step,
    ]


def top_links(root: Path = Path("/")) -> dict[str, str]:
    """Reads the disk: on a merged-usr system /bin is a link to usr/bin."""
    return {name: str((root / name).readlink()) for name in _TOP_FOLDERS if (root / name).is_symlink()}


def staged(binds: Sequence[Bind]) -> list[Bind]:
    """The same binds, from where `as_user` mounts their sources."""
    return [
        Bind(Path(f"{_STAGE}/{number}"), bind.inside, bind.writable, bind.file) for number, bind in enumerate(binds)
    ]


def as_user(user: User, binds: Sequence[Bind], argv: Sequence[str]) -> list[str]:
    """Run by root: `argv` as `user`, with the sources of `binds` within its reach."""
    script = ["set -e", f"mount -t tmpfs -o mode=0755,size=1m deployd {_STAGE}"]
    for number, bind in enumerate(binds):
        place = f"{_STAGE}/{number}"
        script.append(f": > {place}" if bind.file else f"mkdir {place}")
        script.append(f"mount --bind {shlex.quote(str(bind.source))} {place}")
    script.append(f'exec setpriv --reuid {user.uid} --regid {user.gid} --clear-groups "$@"')
    return ["unshare", "--mount", "--", "sh", "-c", "\n".join(script), "sh", *argv]


def plain_argv(step: str) -> list[str]:
    """Where bubblewrap cannot be had."""
    return ["sh", "-c", STEP, step]
