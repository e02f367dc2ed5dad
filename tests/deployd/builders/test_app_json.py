"""app.json as Heroku documents it: what becomes a default, what must be set, and what the refusal says."""

import json

import pytest

from deployd.builders.app_json import read_app_json
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import planned, project_of

ENTRIES: dict[str, tuple[object, str | None, bool]] = {
    "a text": ("x", "x", False),
    "a number": (5, "5", False),
    "a truth": (True, "true", False),
    "a fraction": (0.5, "0.5", False),
    "nothing": ({}, None, True),
    "an empty text": ("", None, True),
    "a value": ({"value": "x"}, "x", False),
    "a value that is a number": ({"value": 1}, "1", False),
    "required with a value": ({"value": "x", "required": True}, "x", False),
    "required without a value": ({"required": True}, None, True),
    "not required": ({"required": False}, None, False),
    "not required and empty": ({"value": "", "required": False}, "", False),
    "not required with a value": ({"value": "x", "required": False}, "x", False),
    "a null": ({"value": None}, None, True),
    "a secret to be made": ({"generator": "secret"}, None, True),
    "a secret to be made, if at all": ({"generator": "secret", "required": False}, None, False),
    "words of a later version": ({"value": "x", "sync": True}, "x", False),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_an_entry_is_a_default_or_must_be_set(case: str) -> None:
    entry, default, required = ENTRIES[case]
    said = read_app_json(project_of({"app.json": json.dumps({"env": {"NAME": entry}})}))
    assert said.defaults() == ({} if default is None else {"NAME": default})
    assert (list(said.missing(frozenset())) == ["NAME"]) is required
    assert not said.missing(frozenset({"NAME"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"expo": {"name": "x"}}',
        '{"name": "shop", "env": {}}',
        '\ufeff{"keywords": []}',
        '{"env": {"PORT": {}}}',
    ],
)
def test_an_app_json_without_variables_asks_for_nothing(text: str) -> None:
    said = read_app_json(project_of({"app.json": text}))
    assert (said.defaults(), said.missing(frozenset())) == ({}, {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "app.json cannot be read: Expected `object`, got `array`"),
        ('{"env": []}', r"app.json cannot be read: Expected `object`, got `array` - at `\$.env`"),
        ('{"env": {"A": []}}', r"app.json cannot be read: .* - at `\$.env\[...\]`"),
        ('{"env": {"A-B": "x"}}', "app.json: 'A-B' in `env` cannot be the name of a variable"),
        ('{"env": {"": "x"}}', "app.json: '' in `env` cannot be the name of a variable"),
    ],
)
def test_a_broken_one_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(BuildFailed, match=sentence):
        read_app_json(project_of({"app.json": text}))


REQUIRING = {
    "index.html": "",
    "app.json": json.dumps(
        {
            "env": {
                "API_URL": {"description": "Where the API is."},
                "SESSION": {"generator": "secret", "description": "Signs cookies"},
                "MODE": "fast",
                "EXTRA": {"required": False},
            }
        }
    ),
}


def test_every_missing_variable_is_named_with_what_to_do() -> None:
    with pytest.raises(BuildFailed) as refusal:
        planned(REQUIRING)
    assert str(refusal.value) == (
        "app.json requires variables that are not set: API_URL (Where the API is), SESSION (Signs cookies; a long "
        "random text that deployd does not make up for you). Set them: deployd env APP set API_URL=… SESSION=…"
    )


def test_defaults_are_in_the_plan_unless_the_app_sets_them() -> None:
    required = frozenset({"API_URL", "SESSION"})
    assert planned(REQUIRING, env_names=required).env == {"MODE": "fast"}
    assert planned(REQUIRING, env_names=required | {"MODE"}).env == {}
    assert "app.json gives defaults for MODE." in planned(REQUIRING, env_names=required).reasons


def test_a_default_wins_over_what_the_builder_would_set() -> None:
    files = {"Gemfile": "gem 'puma'", "config.ru": "", "app.json": '{"env": {"RACK_ENV": "staging"}}'}
    assert planned(files).env["RACK_ENV"] == "staging"
