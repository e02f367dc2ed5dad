"""Tools that only the host can have: found as builds see it, asked for their version, refused in words."""

from pathlib import Path

import pytest

from deployd.builders.toolchains.host import Host, parse_version
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed
from deployd.domain.known_tools import HOST_PROGRAMS


def make_program(folder: Path, name: str, prints: str, code: int = 0) -> Host:
    """A host that has this program."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho called >> {folder}/calls\nprintf '%s\\n' '{prints}'\nexit {code}\n")
    path.chmod(0o755)
    return Host(f"{folder}:/usr/bin:/bin", (str(folder),))


@pytest.mark.parametrize(
    ("tool", "text", "expected"),
    [
        ("go", "go version go1.22.1 linux/amd64", "1.22.1"),
        ("cargo", "cargo 1.75.0 (1d8b05cdd 2023-11-20)", "1.75.0"),
        ("java", "openjdk 17.0.15 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)", "17.0.15"),
        ("java", "openjdk 21 2023-09-19", "21.0.0"),
        ("mvn", "\x1b[1mApache Maven 3.8.7\x1b[m\nJava version: 17.0.15", "3.8.7"),
        ("gradle", "openjdk 17.0.1 warning\n-----\nGradle 4.4.1\n-----", "4.4.1"),
        ("ruby", "ruby 3.1.2p20 (2022-04-12 revision 4491bb740a) [x86_64-linux-gnu]", "3.1.2"),
        ("bundle", "Bundler version 2.3.15", "2.3.15"),
        ("php", "PHP 8.2.28 (cli) (built: Mar 13 2025 18:21:38) (NTS)", "8.2.28"),
        ("composer", "Do not run Composer 1 as root!\nComposer version 2.5.5 2023-03-21", "2.5.5"),
        ("hugo", "hugo v0.111.3+extended linux/amd64 BuildDate=2023-03-16", "0.111.3"),
        ("erlang", "Erlang (SMP,ASYNC_THREADS) (BEAM) emulator version 13.1.5", "13.1.5"),
        ("elixir", "Erlang/OTP 25 [erts-13.1.5] [source]\n\nElixir 1.14.0 (compiled with Erlang/OTP 25)", "1.14.0"),
        ("mix", "Erlang/OTP 25 [erts-13.1.5]\n\nMix 1.14.0 (compiled with Erlang/OTP 24)", "1.14.0"),
        ("git-lfs", "git-lfs/3.3.0 (GitHub; linux amd64; go 1.19.3)", "3.3.0"),
        ("make", "GNU Make 4.3", "4.3.0"),
        ("elixir", "Erlang/OTP 25", None),
        ("go", "no version at all", None),
    ],
)
def test_versions_are_read_from_what_programs_print(tool: str, text: str, expected: str | None) -> None:
    assert parse_version(text, HOST_PROGRAMS[tool].says) == expected


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("", "Using the host's go 1.22.1."),
        (">=1.21", "Using the host's go 1.22.1, which fits >=1.21."),
        ("1.22", "Using the host's go 1.22.1, which fits 1.22."),
        (
            "1.22.9",
            "Using the host's go 1.22.1: 1.22.9 was asked for, and only bug fixes lie between the two.",
        ),
        ("tip of the tree", "Using the host's go 1.22.1; 'tip of the tree' was asked for."),
    ],
)
async def test_a_tool_of_the_host_is_used_when_it_fits(tmp_path: Path, wanted: str, sentence: str) -> None:
    host = make_program(tmp_path / "bin", "go", "go version go1.22.1 linux/amd64")
    expected = Tool(name="go", wanted=wanted, version="1.22.1")
    assert await host.provide(Tool(name="go", wanted=wanted)) == (expected, sentence)


@pytest.mark.parametrize(
    ("tool", "sentence"),
    [
        (Tool(name="ruby"), "This project needs ruby on this host (apt install ruby-full), or the docker runtime."),
        (
            Tool(name="go", wanted=">=1.23"),
            "This project needs go >=1.23, and this host has 1.22.1: install that version in /usr/local, "
            "change what the project asks for, or use the docker runtime.",
        ),
        (Tool(name="frobnicate"), "This project needs frobnicate on this host, or the docker runtime."),
        (
            Tool(name="reboot", wanted="1"),
            "This project needs reboot 1, but deployd cannot tell versions of reboot: leave the version out.",
        ),
        (Tool(name="../sh"), "The project needs a tool called '../sh', which is no name of a program."),
    ],
)
async def test_what_the_host_lacks_is_refused_with_what_to_do(tmp_path: Path, tool: Tool, sentence: str) -> None:
    host = make_program(tmp_path / "bin", "go", "go version go1.22.1 linux/amd64")
    with pytest.raises(BuildFailed) as refused:
        await host.provide(tool)
    assert str(refused.value) == sentence


async def test_a_program_that_builds_cannot_see_is_not_there(tmp_path: Path) -> None:
    make_program(tmp_path / "home", "cargo", "cargo 1.75.0")
    visible = tmp_path / "bin"
    visible.mkdir()
    (visible / "cargo").symlink_to(tmp_path / "home" / "cargo")
    host = Host(str(visible), (str(visible),))
    assert host.find("cargo") is None


async def test_a_program_that_does_not_run_is_not_there(tmp_path: Path) -> None:
    host = make_program(tmp_path / "bin", "cargo", "cargo 1.75.0", code=1)
    with pytest.raises(BuildFailed, match="apt install cargo"):
        await host.provide(Tool(name="cargo"))


async def test_a_version_is_asked_for_once_until_the_program_changes(tmp_path: Path) -> None:
    host = make_program(tmp_path / "bin", "go", "go version go1.22.1 linux/amd64")
    for _ in range(3):
        await host.provide(Tool(name="go"))
    assert (tmp_path / "bin" / "calls").read_text() == "called\n"
    make_program(tmp_path / "bin", "go", "go version go1.23.10 linux/amd64")
    assert (await host.provide(Tool(name="go")))[0].version == "1.23.10"


async def test_an_unknown_program_is_not_started(tmp_path: Path) -> None:
    host = make_program(tmp_path / "bin", "frobnicate", "1.0.0")
    tool = Tool(name="frobnicate")
    assert await host.provide(tool) == (tool, "Using the host's frobnicate.")
    assert not (tmp_path / "bin" / "calls").exists()
