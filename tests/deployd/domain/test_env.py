"""Which env is taken, what counts as secret, and what gets redacted."""

import pytest

from deployd.domain.env import GIT_KEY, Environment, EnvValue, check_env, looks_secret
from deployd.domain.errors import UserMistake
from deployd.domain.secret import Secret


@pytest.mark.parametrize(
    "key", ["SECRET_KEY_BASE", "token", "DB_PASSWORD", "API_KEY", "APIKEY", "KEY", "SENTRY_DSN", "DATABASE_URL"]
)
def test_telling_names_are_secret(key: str) -> None:
    assert looks_secret(key)


@pytest.mark.parametrize("key", ["NODE_ENV", "KEYBOARD", "MONKEY", "HOST", "URLS", "DEBUG"])
def test_other_names_are_not(key: str) -> None:
    assert not looks_secret(key)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("", "1", "Env name ''"),
        ("1A", "1", "Env name '1A'"),
        ("A-B", "1", "Env name 'A-B'"),
        ("A=B", "1", "Env name 'A=B'"),
        ("A\n", "1", "Env name"),
        ("PORT", "80", "PORT is chosen by deployd"),
        ("A", "x\0y", "The value of A holds a NUL byte"),
        ("DEPLOYD_GIT_KEY", "ssh-ed25519 AAAA", "DEPLOYD_GIT_KEY must be a private ssh key"),
    ],
)
def test_what_no_process_can_be_given_is_refused_by_name(key: str, value: str, complaint: str) -> None:
    with pytest.raises(UserMistake, match=complaint) as refusal:
        check_env({"FINE": Secret("1"), key: Secret(value)})
    assert "x" not in str(refusal.value).split()


def test_any_other_text_is_fine() -> None:
    check_env({"_a1": Secret(""), "B": Secret("Ünï\ncode = 'x'")})


def test_only_secret_values_long_enough_are_redacted_from_logs() -> None:
    def entry(text: str, secret: bool) -> EnvValue:
        return EnvValue(value=Secret(text), secret=secret)

    env = Environment(
        version=1, values={"A": entry("123456", True), "B": entry("12345", True), "C": entry("x" * 9, False)}
    )
    assert env.secrets() == (Secret("123456"),)
    assert env.plain() == {"A": "123456", "B": "12345", "C": "x" * 9}


def test_the_key_for_git_is_for_git_alone_and_redacted() -> None:
    key = Secret("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n")
    check_env({GIT_KEY: key})
    assert looks_secret(GIT_KEY)
    env = Environment(version=1, values={GIT_KEY: EnvValue(value=key, secret=True)})
    assert (env.plain(), env.git_key(), env.secrets()) == ({}, key, (key,))
    assert Environment(version=0, values={}).git_key() is None


def test_no_value_is_shown_by_repr_or_format() -> None:
    env = Environment(version=1, values={"A": EnvValue(value=Secret("hunter2"), secret=True)})
    assert "hunter2" not in f"{env} {env!r} {env.values['A'].value}"
