"""The command lines, asserted as lists; and which settings of the host a build is given."""

from pathlib import Path

import msgspec

from deployd.builders import sandbox
from deployd.builders.registry_env import registry_env
from deployd.builders.sandbox import Bind, Shape, User

BINDS = [Bind(Path("/data/it's here"), "/app", writable=True), Bind(Path("/venv/uv"), "/opt/uv", file=True)]


SHAPE = Shape(binds=BINDS, links={"bin": "usr/bin"}, args=7, filter=8, info=9, block=10, tmp_bytes=1 << 20)


def test_only_binds_marked_writable_can_be_written() -> None:
    argv = sandbox.bwrap_argv("make", SHAPE)
    assert argv[argv.index("--bind") : argv.index("--bind") + 3] == ["--bind", "/data/it's here", "/app"]
    assert "--bind" not in argv[argv.index("--bind") + 1 :]
    assert argv[-1] == "make"


def test_a_step_starts_in_its_folder_behind_what_limits_it() -> None:
    argv = sandbox.bwrap_argv("make", msgspec.structs.replace(SHAPE, at="api", before=("prlimit", "--nproc=9", "--")))
    assert argv[argv.index("--chdir") :] == [
        *("--chdir", "/app/api", "--", "prlimit", "--nproc=9", "--", "sh", "-c", sandbox.STEP, "make")
    ]


def test_files_are_copied_from_descriptors() -> None:
    argv = sandbox.bwrap_argv("make", msgspec.structs.replace(SHAPE, files={"/etc/hosts": 11}))
    assert argv[argv.index("/etc/hosts") - 4 :][:5] == ["--perms", "0444", "--file", "11", "/etc/hosts"]


def test_values_are_not_in_the_command_line_but_in_what_bwrap_reads() -> None:
    assert sandbox.env_arguments({"A": "b c", "D": ""}) == b"--setenv\0A\0b c\0--setenv\0D\0\0"


def test_root_becomes_the_other_user_before_the_sandbox_starts() -> None:
    argv = sandbox.as_user(User(65534, 65533), 9, ["--net=/proc/7/ns/net"], ["bwrap", "--args", "7"])
    assert argv == [
        *("nsenter", "--mount=/proc/self/fd/9", "--net=/proc/7/ns/net", "--setgid=65533", "--setuid=65534"),
        *("--", "bwrap", "--args", "7"),
    ]
    assert [str(bind.source) for bind in sandbox.staged(BINDS, "/mnt")] == ["/mnt/0", "/mnt/1"]


def test_no_download_is_kept_in_the_home_of_a_build() -> None:
    env = sandbox.base_env("/cache", ["/opt/deployd/bin"], "/usr/bin/python3")
    assert [key for key, value in env.items() if value.startswith("/cache/home")] == ["HOME"]


def test_only_what_leads_to_package_registries_is_passed_on() -> None:
    environ = {
        "UV_INDEX_URL": "u",
        "npm_config_registry": "n",
        "PIP_CERT": "c",
        "https_proxy": "p",
        "SSL_CERT_FILE": "s",
        "UV_CACHE_DIR": "/root/cache",
        "npm_config_cache": "/root/npm",
        "UV_PUBLISH_TOKEN": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "HOME": "/root",
    }
    assert set(registry_env(environ)) == {
        "UV_INDEX_URL",
        "npm_config_registry",
        "PIP_CERT",
        "https_proxy",
        "SSL_CERT_FILE",
    }
