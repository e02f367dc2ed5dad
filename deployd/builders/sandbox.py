"""The command lines that shut a build step in: bubblewrap, and for root, a change to another user before."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

PROJECT = "/app"
CACHE = "/cache"
PROGRAMS = "/opt/deployd/bin"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STEP = 'ulimit -c 0; ulimit -n 65536 2>/dev/null; sh -c "$0"; exit $?'
"""The outer shell is process 1 of the sandbox: it reaps what the step leaves behind and passes its exit code on."""

_SHUT = (
    "--as-pid-1",
    "--die-with-parent",
    "--new-session",
    "--unshare-user",
    "--disable-userns",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--hostname",
    "build",
    "--cap-drop",
    "ALL",
)
RESOLV_CONF = "/etc/resolv.conf"
ETC_FILES = (
    RESOLV_CONF,
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/mime.types",
)
"""Copied: that takes a tenth of what mounting each one takes."""

_ETC_FOLDERS = (
    *("ld.so.conf.d", "ssl", "ca-certificates", "pki", "alternatives"),
    *("maven", "gradle", "php", "erlang"),
    *(f"java-{version}-openjdk" for version in (11, 17, 21, 25)),
)
_DOWNLOADS = {
    "XDG_CACHE_HOME": "xdg",
    "npm_config_cache": "npm",
    "PNPM_HOME": "pnpm",
    "YARN_GLOBAL_FOLDER": "yarn",
    "BUN_INSTALL_CACHE_DIR": "bun",
    "DENO_DIR": "deno",
    "PIP_CACHE_DIR": "pip",
    "UV_CACHE_DIR": "uv",
    "CARGO_HOME": "cargo",
    "GOMODCACHE": "go",
    "GRADLE_USER_HOME": "gradle",
    "BUNDLE_USER_CACHE": "bundle",
}
"""Where tools keep what they fetch from one build to the next; HOME is new each time."""

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
        **{name: f"{cache}/{folder}" for name, folder in _DOWNLOADS.items()},
        "MAVEN_ARGS": f"-Dmaven.repo.local={cache}/m2",
        "npm_config_update_notifier": "false",
        "UV_LINK_MODE": "copy",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON": interpreter,
        "UV_PYTHON_DOWNLOADS": "never",
        # Compiled here once and valid wherever the release is unpacked, so that no start has to compile.
        "UV_COMPILE_BYTECODE": "1",
        "PYC_INVALIDATION_MODE": "UNCHECKED_HASH",
    }


def env_arguments(env: Mapping[str, str]) -> bytes:
    """What bwrap reads with `--args`: values stay out of argv, and out of the environment of anything outside."""
    return b"".join(f"--setenv\0{key}\0{value}\0".encode("utf-8", "surrogateescape") for key, value in env.items())


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What is particular to one sandbox.

    `links` are the host's top folders that are links into /usr; `at` is the folder of the project that the step starts
    in; `before` stands before the step inside; `args` and `filter` are descriptors that bwrap reads more arguments and
    the filter of system calls from, `info` and `block` those of its gate, `files` those of what it copies to a path.
    """

    binds: Sequence[Bind]
    links: Mapping[str, str]
    args: int
    filter: int
    info: int
    block: int
    tmp_bytes: int
    at: str = "."
    before: Sequence[str] = ()
    files: Mapping[str, int] = {}


def bwrap_argv(step: str, shape: Shape) -> list[str]:
    """The network is that of the caller, everything else is new."""
    argv = ["bwrap", "--args", str(shape.args), "--seccomp", str(shape.filter)]
    argv += ["--info-fd", str(shape.info), "--block-fd", str(shape.block), *_SHUT, *_system(shape.links)]
    for path, descriptor in shape.files.items():
        argv += ["--perms", "0444", "--file", str(descriptor), path]
    argv += ["--proc", "/proc", "--dev", "/dev", "--size", str(shape.tmp_bytes), "--tmpfs", "/tmp"]
    for bind in shape.binds:
        argv += ["--bind" if bind.writable else "--ro-bind", str(bind.source), bind.inside]
    argv += ["--remount-ro", "/", "--chdir", PROJECT if shape.at == "." else f"{PROJECT}/{shape.at}"]
    return [*argv, "--", *shape.before, "sh", "-c", STEP, step]


def _system(links: Mapping[str, str]) -> list[str]:
    argv = ["--ro-bind", "/usr", "/usr"]
    for name, target in links.items():
        argv += ["--symlink", target, f"/{name}"]
    for name in _TOP_FOLDERS:
        if name not in links:
            argv += ["--ro-bind-try", f"/{name}", f"/{name}"]
    for name in _ETC_FOLDERS:
        argv += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return argv


def top_links(root: Path = Path("/")) -> dict[str, str]:
    """Reads the disk: on a merged-usr system /bin is a link to usr/bin."""
    return {name: str((root / name).readlink()) for name in _TOP_FOLDERS if (root / name).is_symlink()}


def staged(binds: Sequence[Bind], stage: str) -> list[Bind]:
    """The same binds, with their sources where root has mounted them for the user that could not reach them."""
    return [Bind(Path(f"{stage}/{number}"), bind.inside, bind.writable, bind.file) for number, bind in enumerate(binds)]


def as_user(user: User, mounts: int, network: Sequence[str], argv: Sequence[str]) -> list[str]:
    """Run by root: `argv` as `user` in the mount namespace of that descriptor, and in a network where one is given."""
    entry = [f"--mount=/proc/self/fd/{mounts}", *network, f"--setgid={user.gid}", f"--setuid={user.uid}"]
    return ["nsenter", *entry, "--", *argv]


def in_network(network: Sequence[str], argv: Sequence[str]) -> list[str]:
    return ["nsenter", *network, "--", *argv] if network else list(argv)


def plain_argv(step: str, before: Sequence[str] = ()) -> list[str]:
    """Where bubblewrap cannot be had."""
    return [*before, "sh", "-c", STEP, step]
