"""The command lines, asserted as lists; and which settings of the host a build is given."""

from pathlib import Path

from deployd.builders import sandbox
from deployd.builders.registry_env import registry_env
from deployd.builders.sandbox import Bind, User

BINDS = [Bind(Path("/data/it's here"), "/app", writable=True), Bind(Path("/venv/uv"), "/opt/uv", file=True)]


def test_only_binds_marked_writable_can_be_written() -> None:
    argv = sandbox.bwrap_argv("make", BINDS, 7, {"bin": "usr/bin"})
    assert argv[argv.index("--bind") : argv.index("--bind") + 3] == ["--bind", "/data/it's here", "/app"]
    assert "--bind" not in argv[argv.index("--bind") + 1 :]
    assert argv[-1] == "make"


def test_values_are_not_in_the_command_line_but_in_what_bwrap_reads() -> None:
    assert sandbox.env_arguments({"A": "b c", "D": ""}) == b"--setenv\0A\0b c\0--setenv\0D\0\0"


def test_root_becomes_the_other_user_before_the_sandbox_starts() -> None:
    argv = sandbox.as_user(User(65534, 65533), BINDS, ["bwrap", "--args", "7"])
    script = argv[argv.index("-c") + 1]
    assert argv[-3:] == ["bwrap", "--args", "7"]
    assert """mount --bind '/data/it'"'"'s here' /mnt/0""" in script
    assert script.endswith('exec setpriv --reuid 65534 --regid 65533 --clear-groups "$@"')
    assert [str(bind.source) for bind in sandbox.staged(BINDS)] == ["/mnt/0", "/mnt/1"]


def test_only_what_leads_to_package_registries_is_passed_on() -> None:
    environ = {
        "UV_INDEX_URL": "u",
        "npm_config_registry": "n",
        "PIP_CERT": "c",
        "https_proxy": "p",
        "SSL_CERT_FILE": "s",
        "UV_CACHE_DIR": "/root/cache",
        "npm_config_cache": "/root/npm",
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
