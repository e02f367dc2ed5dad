"""Writes docs/builders.md from the recipes themselves: `python -m deployd.builders.docs docs/builders.md`."""

import sys
from pathlib import Path

from deployd.builders.detect import RECIPES, SPOKEN
from deployd.builders.overrides import ORDER
from deployd.builders.project import Recipe

COMMAND = "python -m deployd.builders.docs docs/builders.md"

SETTINGS = (
    ("builder", '`""`', "Plans with this builder and no other: its name in the headings below."),
    ("root", '`"."`', "The folder of the repository that is the app; its own Procfile and app.json are read."),
    ("workspace", '`""`', "One package of a monorepo, by its name or folder; the install is the whole repository's."),
    ("install", "detected", 'The command that installs packages; `""` leaves it out.'),
    ("build", "detected", 'The command that builds; `""` leaves it out.'),
    ("start", "detected", "The command of `web`. It must listen on 127.0.0.1:$PORT or on all addresses."),
    ("output", "detected", "The folder (counted from `root`) that the proxy serves without a process."),
    ("spa", "detected", "Whether index.html answers for paths that are no file."),
    ("tools", "detected", 'Versions of tools, such as `{ node = "22", python = "3.12" }`.'),
    ("convert_bun", "`false`", "Whether bun installs and runs what was made for npm, yarn or pnpm."),
)
"""Key, default, meaning: one row for each field of BuildSettings."""

_INTRO = f"""\
# Builders

<!-- Generated from deployd/builders; change it there, then run: {COMMAND} -->

What deployd recognises in a repository, in which order, and how to say something else. `deployd plan PATH` (or a git
URL) prints the plan for a project with its reasons, without a daemon; the same lines open each build log.
"""

_SEVERAL = """\
## When several kinds are here

The tables below stand in the order in which they are tried; the first that knows the project makes the plan, and the
plan names what else was seen. Three things change the order:

- `build.builder` names one builder; the others are not asked.
- The command of `web` speaks a language, so that kind is asked first:
"""

_RULES = """\
- `manage.py` is there: Python is asked first.

When a kind is found that cannot serve (a package.json without a `start` script), another kind that runs a process may
take its place. Plain files never do: that would serve sources. A page that needs no build gives way to a server found
later: it may be that server's own.

A `package.json` beside PHP or Ruby is there for the front end: its `build` script runs before the server's own steps.
"""

_APP_JSON = """\
## app.json

Of Heroku's file the variables count. A variable is required unless it says `"required": false`; a `value` is its
default, which the app's own env overrides. A build does not start while a required variable has neither: the refusal
names all of them. `"generator": "secret"` makes nothing here: such a variable must be set. `formation`, `addons` and
`buildpacks` are not followed, and the plan says so; `scripts` do not run (a `release` process in the Procfile does).
"""

_NETWORK = """\
## What a build can reach

Steps run in a sandbox (bubblewrap) with the network on: package registries answer, this host does not. With
`build_network = "auto"` under `[deploy]`, the default, they have a network of their own wherever slirp4netns and
iproute2 are installed and /dev/net/tun can be opened: neither the loopback of this host (deployd's own listener, the
apps, a database) nor the apps' ports at its other addresses nor a cloud's metadata service can be reached. Names are
looked up as on this host, and proxies and registries that deployd's environment names (`HTTPS_PROXY`, `PIP_INDEX_URL`,
`npm_config_registry`, `UV_…`) are used; deployd warns of those that lie on the loopback.

A registry or cache of your own on this host is reached under another address of the host's than 127.0.0.1: let it
listen there. When it can only be had on the loopback, say `build_network = "host"`, and every build reaches all that
listens there. `"isolated"` refuses builds where they cannot be isolated; `"auto"` warns then, in the build log, in
`deployd status`, on the page and in /readyz.

Where bubblewrap does not work, builds with steps are refused; plain files and upstreams need none. `unsandboxed = true`
lets them run all the same: then a build can read whatever deployd's user can, its master key included, and each of
those places says so.
"""


def render() -> str:
    sections = [_INTRO, _order(), _settings(), _SEVERAL + _spoken() + _RULES, _APP_JSON, _NETWORK]
    return "\n".join([*sections, *(_kind(recipe) for recipe in RECIPES)])


def _order() -> str:
    rows = [f"{number}. {what}: {how}" for number, (what, how) in enumerate(ORDER, start=1)]
    return "\n".join(["## What counts", "", "The first that says something wins:", "", *rows, ""])


def _settings() -> str:
    rows = [f"| `{key}` | {default} | {meaning} |" for key, default, meaning in SETTINGS]
    return "\n".join(
        [
            "## Settings",
            "",
            "The keys of `[apps.NAME.build]` in deployd.toml and of `[build]` in the repository's `.deployd.toml`, "
            "whose",
            "`[processes]` may also map names to commands. A file in the folder `root` speaks before the one at the "
            "top.",
            "",
            "| key | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _spoken() -> str:
    rows = [f"  - {name}: {', '.join(f'`{word}`' for word in words)}" for name, words in SPOKEN.items()]
    return "\n".join([*rows, ""])


def _kind(recipe: Recipe) -> str:
    rows = [f"| {_cell(row.what)} | {_cell(row.how.rstrip('.'))}. |" for row in recipe.rows]
    return "\n".join([f"## {recipe.title} (`{recipe.name}`)", "", "| found | what is done |", "|---|---|", *rows, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
