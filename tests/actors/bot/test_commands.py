import pytest

from actors.bot.button_data import Action, Intent, packed, unpacked
from actors.bot.commands import COMMANDS, Command, menu, parsed, parsed_lines, parsed_release
from deployd.domain.errors import UserMistake


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/help", Command(verb="help")),
        ("/start payload of a link", Command(verb="start")),
        ("/DEPLOY shop", Command(verb="deploy", args=("shop",))),
        ("  /deploy@deployd_bot   shop \n main ", Command(verb="deploy", args=("shop", "main"))),
        ("/status dep-1", Command(verb="status", args=("dep-1",))),
    ],
)
def test_a_command_is_read_as_it_was_meant(text: str, command: Command) -> None:
    assert parsed(text) == command


@pytest.mark.parametrize("text", ["", "hello", "/", "/dance", "/ps one two", "/apps all", "/status a b", "/logs a 5 b"])
def test_what_is_no_command_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UserMistake, match=r"^[^\n]+\.$"):
        parsed(text)


def test_the_menu_is_one_that_telegram_accepts() -> None:
    for verb, about in menu().items():
        assert verb.isascii()
        assert verb.islower()
        assert 3 <= len(about) <= 256
    assert len(menu()) == len(COMMANDS) <= 100


@pytest.mark.parametrize("text", ["0", "-1", "501", "1.5", "٣", "", "1e2"])
def test_a_number_of_lines_outside_the_bounds_is_refused(text: str) -> None:
    with pytest.raises(UserMistake):
        parsed_lines(text, 500)


@pytest.mark.parametrize(("text", "release"), [("3", 3), ("v3", 3), ("v012", 12)])
def test_a_release_is_named_with_or_without_its_v(text: str, release: int) -> None:
    assert parsed_release(text) == release


@pytest.mark.parametrize("text", ["", "v", "vv3", "-3", "latest", "9" * 30])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(UserMistake):
        parsed_release(text)


@pytest.mark.parametrize("action", list(Action))
def test_a_buttons_meaning_survives_the_way_for_the_longest_app_name(action: Action) -> None:
    intent = Intent(action=action, subject="a" * 40, release=999_999_999)
    assert unpacked(packed(intent)) == intent


def test_a_button_never_carries_more_than_telegram_takes() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        packed(Intent(action=Action.DEPLOY, subject="a" * 63))


@pytest.mark.parametrize("data", ["", "zz:shop", "r!:shop:three", ":::"])
def test_a_button_of_another_version_is_refused(data: str) -> None:
    with pytest.raises(UserMistake, match="another version"):
        unpacked(data)
