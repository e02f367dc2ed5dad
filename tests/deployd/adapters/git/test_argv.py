"""The command lines, asserted as lists."""

from pathlib import Path

from deployd.adapters.git import argv
from deployd.adapters.git.remote import parse_remote


def test_a_fetch_asks_for_one_commit_of_one_name() -> None:
    command = argv.fetch_one(Path("/m/shop.git"), "https://example.com/shop.git", "main")
    assert command[:2] == ["git", "--git-dir=/m/shop.git"]
    assert command[-7:-3] == ["fetch", "--depth=1", "--no-tags", "--progress"]
    assert command[-3:] == ["--", "https://example.com/shop.git", "+main:refs/deployd/fetched"]


def test_hooks_and_transports_that_run_commands_are_off_in_every_command() -> None:
    for command in (
        argv.describe(Path("m")),
        argv.write_tree(Path("m"), "abc", lfs=False),
        argv.fetch_one(Path("m"), "u", "n"),
    ):
        assert {"core.hooksPath=/dev/null", "protocol.allow=never", "protocol.ext.allow=never"} <= set(command)


def test_git_can_neither_prompt_nor_read_configuration_of_others() -> None:
    env = argv.environment({"HOME": "/home/x", "GIT_TERMINAL_PROMPT": "1"}, {})
    assert env["GIT_TERMINAL_PROMPT"] == "0"
    assert env["GIT_CONFIG_NOSYSTEM"] == "1"
    assert env["GIT_CONFIG_GLOBAL"] == "/dev/null"
    assert env["HOME"] == "/home/x"


def test_a_password_is_kept_for_its_host_and_never_goes_into_the_url() -> None:
    remote = parse_remote("https://me:p%40ss-word@example.com:8443/a/b.git")
    assert remote.url == "https://example.com:8443/a/b.git"
    assert [(one.at, one.user.reveal(), one.password.reveal()) for one in remote.logins] == [
        ("https://example.com:8443", "me", "p@ss-word")
    ]
    assert "ss-word" not in repr(remote.logins)
    assert remote.redact("p%40ss-word, p@ss-word") == "[redacted], [redacted]"


def test_the_user_of_an_ssh_address_stays() -> None:
    assert parse_remote("git@example.com:a/b.git").url == "git@example.com:a/b.git"
    assert parse_remote("ssh://git@example.com:2222/a/b.git").url == "ssh://git@example.com:2222/a/b.git"
    assert parse_remote("ssh://git:hidden-word@example.com/a").url == "ssh://git@example.com/a"
