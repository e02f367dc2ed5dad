"""What a person reads who made a mistake in deployd.toml, and what must not be in it."""

from pathlib import Path

import pytest

from deployd.config_file import parse
from deployd.settings.mistakes import ConfigMistakes

FILE = Path("deployd.toml")


def told(text: str) -> str:
    with pytest.raises(ConfigMistakes) as refusal:
        parse(text, FILE)
    return str(refusal.value)


def test_the_line_and_the_place_in_it_are_shown() -> None:
    assert told('[server]\n\thttp = "127.0.0.1:80"\n\thtpp = 80\n') == (
        "deployd.toml:3:2: [server] has no key `htpp`: did you mean `http`?\n    3 | \thtpp = …\n      | \t^^^^"
    )
    assert told('[apps.a]\nrepo = "/x"\nprocesses = { web = 1, worker = 99 }') == (
        "deployd.toml:3:33: `apps.a.processes.worker` must be a whole number from 0 to 64, and is 99.\n"
        "    3 | processes = { web = 1, worker = 99 }\n"
        "      |                                 ^^"
    )


def test_a_tool_that_nobody_knows_is_told_with_the_one_that_was_meant() -> None:
    assert told('[apps.a]\nrepo = "/x"\n[apps.a.build]\ntools = { nod = "20", python = "3.12", ffmpeg = "" }') == (
        "deployd.toml:4:11: App 'a': `build.tools` 'nod' is no tool that deployd knows: did you mean `node`?\n"
        '    4 | tools = { nod = "20", python = "3.12", ffmpeg = "" }\n'
        "      |           ^^^"
    )


SYNTAX = [
    ("prune = True", "1:9: Not valid TOML: write true."),
    ("prune = yes", "1:9: Not valid TOML: write true."),
    ("prune: true", "1:6: Not valid TOML: a key and its value are joined by =, not by :."),
    ("prune true", "1:7: Not valid TOML: `=` and a value are missing behind the key."),
    ("prune = ", "1:8: Not valid TOML: a value is missing."),
    ("[server]\nhttp = 0.0.0.0:80", '2:11: Not valid TOML: text stands in quotes: "…".'),
    ("[server]\nhttp = localhost", '2:8: Not valid TOML: text stands in quotes: "…".'),
    ("[server]\nhttp = \u201clocalhost\u201d", '2:8: Not valid TOML: text stands in straight quotes: "…".'),
    ('[server]\nhttp = "localhost\nadmin = ""', "2:18: Not valid TOML: the quotes are not closed on this line."),
    ("[server]\nhttp = '''localhost\n[logs]\n", "2:1: Not valid TOML: its quotes are not closed."),
    ('[server]\nhttp = "x" "y"', "2:12: Not valid TOML: nothing may stand behind a value but a # comment."),
    ('[tls]\nacme = true email = "x"', "2:13: Not valid TOML: each key stands on a line of its own."),
    ("[logs]\nkeep_days = 07", "2:14: Not valid TOML: a number does not begin with 0."),
    ('[tls]\nca_file = "C:\\certs"', r"2:14: Not valid TOML: in double quotes \ is written \\, and single quotes"),
    ("[apps.my shop]", "1:10: Not valid TOML: a table's name is one word, or stands in quotes, and ] closes it."),
    ("[logs]]", "1:7: Not valid TOML: nothing may stand behind the ] of a table's line."),
    ("[telegram]\nallow = [1 2]", "2:12: Not valid TOML: `,` or `]` is missing in front of this in the list."),
    ("[apps.a]\nlimits = { pids = 1,\n cpus = 1 }", "2:21: Not valid TOML: a name is missing here; { } must be on one"),
    ("[apps.a]\nlimits = { pids = 1 cpus = 1 }", "2:21: Not valid TOML: `,` or `}` is missing in front of this; { }"),
    ("= 1", "1:1: Not valid TOML: a line is `[table]` or `key = value`."),
    ("prune = true\nprune = false", "2:1: Not valid TOML: `prune` is set in line 1 already: leave one of them out."),
    ("[logs]\n[tls]\n[logs]", "3:1: Not valid TOML: the table [logs] stands in line 1 already: put its keys there."),
    ("logs.keep_days = 1\n[logs]", "2:1: Not valid TOML: [logs] cannot stand beside line 1, which has set it already."),
]


@pytest.mark.parametrize(("text", "first"), SYNTAX, ids=[first.split(":")[-1][:40] for _, first in SYNTAX])
def test_what_is_no_toml_is_told_in_words_for_who_writes_it(text: str, first: str) -> None:
    assert told(text).splitlines()[0].startswith(f"deployd.toml:{first}")


ENDLESS = [
    ("[logs]\n# %s\nkeep_days = 9.%s\nkeep_mb_per_app = %s", "4:19: A number of 5,000 digits is too long to be read."),
    ("[telegram]\nallow = [1,\n -%s]", "3:2: A number of 5,000 digits is too long to be read."),
    ("[telegram]\nallow = [1,\n %s, [", "3:2: A number of 5,000 digits is too long to be read."),
    ("x = %s-01-01", "1:5: A number of 5,000 digits is too long to be read."),
    (
        "[logs]\nkeep_days = 0x%s",
        "2:13: `logs.keep_days` must be a whole number from 1 to 1,000,000,000, and is a number of more",
    ),
    ("[apps.a]\nrepo = 0x%s", "2:8: `apps.a.repo` must be text in quotes, and is a number of more than 30 digits: put"),
    ("[telegram]\ntoken = %s", "2:9: A number of 5,000 digits is too long to be read."),
    (
        "[logs]\nkeep_days = 9" + 400 * "0",
        "2:13: `logs.keep_days` must be a whole number from 1 to 1,000,000,000, and is a",
    ),
    ("prune = true\nx = " + 5_000 * "[" + 5_000 * "]", "2:1: The lists or tables here are nested too deeply."),
    ("prune = true\nx = " + 5_000 * "{a=", "2:1: The lists or tables here are nested too deeply."),
]


@pytest.mark.parametrize(("text", "first"), ENDLESS, ids=[text[:30] for text, _ in ENDLESS])
def test_what_has_no_end_is_told_with_its_place_and_a_part_of_its_line(text: str, first: str) -> None:
    heading, *shown = told(text.replace("%s", 5_000 * "9")).splitlines()
    assert heading.startswith(f"deployd.toml:{first}")
    assert [len(heading) < 200, *(len(line) <= 168 for line in shown)] == 3 * [True]


def test_the_marked_part_of_a_long_line_is_the_one_that_is_shown() -> None:
    hosts = ", ".join(f'"host-{number}.test"' for number in range(50))
    _, line, marks = told(f'[apps.a]\nrepo = "/x"\ndomains = [{hosts}, "a b", {hosts}]').splitlines()
    assert (line[:9], line[-1], len(line)) == ("    3 | …", "…", 168)
    assert line[marks.index("^") : len(marks)] == '"a b"'


def test_every_name_that_stands_twice_is_told() -> None:
    said = told("prune = true\nprune = false\n[logs]\n[tls]\nacme = true\nacme = true\n[logs]\n")
    assert [line.split(":")[1] for line in said.splitlines() if line.startswith("deployd.toml")] == ["2", "6", "7"]


@pytest.mark.parametrize(
    "text",
    [
        '[telegram]\ntokn = "hunter2"',
        '[telegram]\ntoken = ["hunter2"]',
        '[telegram]\ntoken = "hunter2',
        "[telegram]\ntoken = hunter2",
        '[telegram]\ntoken: "hunter2"',
        '[telegram]\nbot token = "hunter2"',
        "[telegram]\nhunter2",
        "[telegram]\ntoken\nhunter2 = hunter2",
        '[telegram]\ntoken = """\nhunter2\\q"""',
        '[telegram]\ntoken = """\nhunter2\n',
        '[telegram]\ntoken = "x" "hunter2"',
        '[telegram]\ntoken = "hunter2"\ntoken = "hunter2"',
        '[telegrm]\ntoken = "hunter2"',
        '[database]\nurl = "mysql://u:hunter2@h"',
        '[apps.a]\nrepo = "https://u:hunter2@git.test/x" x',
        '[apps.a]\nrepo = "https://hunter2@git.test/x"\nbranch = 1\nupstream = "https://hunter2@x"',
        '[apps.a]\nrepo = "-https://hunter2@git.test/x"',
        '[apps.a]\nrepo = "/x"\nenv = { A = "hunter2", B = 1 }',
        '[apps.a]\nrepo = "/x"\nenv = { A = "hunter2" B = "1" }',
        '[apps.a]\nrepo = "/x"\nenv = { A = "hunter2", PORT = "hunter2", "B C" = "hunter2" }',
        '[apps.a]\nrepo = "/x"\nenv.DEPLOYD_GIT_KEY = "hunter2"',
        '[apps.a]\nrepo = "/x"\ndomains = ["https://me:hunter2@a.test"]',
        '[apps.a]\nrepo = "/x"\nenvs = { A = "hunter2" }',
        '[apps.a]\nrepo = "/x"\n[apps.a.envs]\nA = "hunter2"',
        '[apps.a]\nrepo = "/x"\nproxy.basic_auth = { me = "hunter2" }',
        '[apps.a]\ndomains = ["a.test",\nTOKEN = "hunter2"',
        "[apps.a]\ncommands.web = '''x\n[apps.a.env]\nTOKEN = \"hunter2\"\n",
        "[apps.a]\ncommands.web = '''x\n[apps.a.env]\nTOKEN = '''hunter2\n",
        'env = { A = "hunter2" }\nenv = { A = "hunter2" }',
    ],
)
def test_no_secret_is_told(text: str) -> None:
    assert "hunter2" not in told(text)


def test_a_secret_is_left_out_of_the_line_and_its_names_stay() -> None:
    said = told('[apps.a]\nrepo = "https://me:pw@git.test/x"\nenv = { TOKEN = "hunter2", PORT = "80" }')
    assert "    3 | env = { TOKEN = …, PORT = … }\n      |                           ^" in said


def test_a_line_of_control_characters_does_not_reach_the_terminal() -> None:
    assert "\x1b" not in told('[server]\nhttp = "\x1b[31mred"')
