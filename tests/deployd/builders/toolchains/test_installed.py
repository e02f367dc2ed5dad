"""Tools as builds get them: the host's where they fit, else from a registry, and said in words either way."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deployd.builders.toolchains.host import Host
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.toolchains.machine import architecture
from deployd.builders.toolchains.npm import Npm
from deployd.builders.workshop import Workshop
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.toolchains.test_shelf import Hands
from tests.support.npm_registry import NpmRegistry, npm_registry

DAY_SECONDS = 86_400.0
NODE = f"node-linux-{architecture('node')}"
BUN = f"@oven/bun-linux-{architecture('bun')}"


class Shop:
    """Toolchains with a registry of their own, and what they said."""

    def __init__(self, folder: Path, registry: NpmRegistry) -> None:
        self.folder = folder / "toolchains"
        self.registry = registry
        self.clock = Hands()
        self.said: list[str] = []
        self.host = folder / "host"
        self.host.mkdir()
        self.start()

    def start(self) -> None:
        self.workshop = Workshop(pass_env=self.registry.env, toolchains=self.folder)
        host = Host(f"{self.host}:/usr/bin:/bin", (str(self.host), "/usr", "/bin"))
        env = {"UV_PYTHON_INSTALL_MIRROR": "http://127.0.0.1:9/"}
        self.tools = InstalledToolchains(self.folder, self.workshop, env=env, host=host, clock=self.clock)
        self.tools.open()

    def has_node(self, version: str) -> None:
        """The host's node is of this version, when it is asked for it."""
        self.write_node(self.host, version)

    def write_node(self, folder: Path, version: str) -> None:
        node = shutil.which("node", path="/usr/local/bin:/usr/bin:/bin")
        script = f'#!/bin/sh\n[ "$1" = --version ] && exec echo v{version}\nexec {node} "$@"\n'
        (folder / "node").write_text(script)
        (folder / "node").chmod(0o755)

    async def provide(self, *tools: Tool) -> tuple[Tool, ...]:
        self.said.clear()
        return await self.tools.provide(tools, self.said.append)

    def run(self, tools: tuple[Tool, ...], program: str) -> str:
        path = ":".join(map(str, self.tools.programs(tools)))
        argv = ["/bin/sh", "-c", f"PATH={path}:$PATH; {program}"]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    if shutil.which("npm", path="/usr/local/bin:/usr/bin:/bin") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("npm is not installed")
        pytest.skip("npm is not installed")
    async with npm_registry() as registry:
        registry.add(NODE, "18.20.8", "22.3.0", "22.11.0", "23.9.0", "24.14.0", program="node")
        registry.add("npm", "10.9.2", "11.4.0", program="npm")
        registry.add("pnpm", "9.1.0", "9.15.9", "10.34.9", "11.2.0", program="pnpm")
        registry.add("yarn", "1.22.22", "2.4.3", program="yarn")
        registry.add("@yarnpkg/cli-dist", "3.8.7", "4.18.1", program="yarn")
        registry.add(BUN, "1.2.0", "1.4.5", program="bun")
        shop = Shop(tmp_path, registry)
        shop.has_node("20.20.2")
        yield shop


# Node


async def test_the_hosts_node_is_used_when_it_fits(shop: Shop) -> None:
    provided = await shop.provide(Tool(name="node", wanted=">=18"))
    assert provided == (Tool(name="node", wanted=">=18", version="20.20.2"),)
    assert shop.said == ["Using the host's node 20.20.2, which fits >=18."]
    assert shop.tools.programs(provided) == ()
    assert not shop.registry.asked


async def test_a_node_of_the_host_without_an_npm_does_not_do(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a Debian with `nodejs` alone: `npm ci` would not be found."""
    place = "npm-client/whole/bin"
    (shop.folder / place).mkdir(parents=True)
    shop.write_node(shop.folder / place, "24.1.0")

    async def client(npm: Npm) -> str:
        return place

    monkeypatch.setattr(Npm, "client", client)
    assert await shop.provide(Tool(name="node")) == (Tool(name="node", version="24.1.0", place=place),)
    assert shop.said == ["Using node 24.1.0."]


async def test_a_node_without_an_npm_that_cannot_be_fetched_is_better_than_none(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def client(npm: Npm) -> str:
        raise BuildFailed("The registry is away.")

    monkeypatch.setattr(Npm, "client", client)
    assert await shop.provide(Tool(name="node")) == (Tool(name="node", version="20.20.2"),)
    assert shop.said[0] == "warning: this host has a node and no npm. The registry is away."
    with pytest.raises(BuildFailed, match="The registry is away"):
        await shop.provide(Tool(name="node", wanted="22"))


async def test_another_node_is_installed_with_the_npm_that_belongs_to_it(shop: Shop) -> None:
    provided = await shop.provide(Tool(name="node", wanted=">=21 <23"), Tool(name="npm"))
    assert provided == (
        Tool(name="node", wanted=">=21 <23", version="22.11.0", place="node/22.11.0/bin"),
        Tool(name="npm", version="10.9.2", place="node/22.11.0/bin"),
    )
    assert shop.said == ["Installing node 22.11.0.", "Using the npm 10.9.2 that belongs to node 22.11.0."]
    assert shop.run(provided, "node; npm") == "v22.11.0\nv10.9.2"


async def test_a_host_whose_node_is_too_old_gets_the_newest_that_is_supported_for_long(shop: Shop) -> None:
    shop.has_node("16.20.0")
    assert (await shop.provide(Tool(name="node")))[0].version == "24.14.0"


async def test_an_exact_version_is_installed_without_asking_what_there_is(shop: Shop) -> None:
    assert (await shop.provide(Tool(name="node", wanted="v22.3.0")))[0].version == "22.3.0"
    assert shop.registry.asked[f"{NODE}@22.3.0"] == 1
    await shop.provide(Tool(name="node", wanted="22.3.0"))
    assert shop.said == ["Using node 22.3.0, which fits 22.3.0."]
    assert shop.registry.asked[f"{NODE}@22.3.0"] == 1


async def test_builds_that_ask_at_once_install_once_and_all_say_what_they_use(shop: Shop) -> None:
    said: list[list[str]] = [[], [], []]
    async with asyncio.TaskGroup() as group:
        for lines in said:
            group.create_task(shop.tools.provide([Tool(name="node", wanted="22")], lines.append))
    assert shop.registry.asked[f"{NODE}@22.11.0"] == 1
    assert shop.registry.asked[NODE] == 2  # for the list of versions, and to install one
    assert sorted(line for lines in said for line in lines) == [
        "Installing node 22.11.0.",
        *["Using node 22.11.0, which fits 22."] * 2,
    ]


async def test_a_cancelled_installation_leaves_nothing(shop: Shop) -> None:
    shop.registry.gate.clear()
    task = asyncio.ensure_future(shop.provide(Tool(name="node", wanted="22.11.0")))
    await asyncio.wait_for(shop.registry.waiting.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path.name for path in shop.folder.iterdir() if path.name != ".answers"] == []
    shop.registry.gate.set()
    assert (await shop.provide(Tool(name="node", wanted="22.11.0")))[0].place == "node/22.11.0/bin"


async def test_what_is_installed_belongs_to_deployd(shop: Shop) -> None:
    (node,) = await shop.provide(Tool(name="node", wanted="22.11.0"))
    for path in (shop.folder / "node").rglob("*"):
        assert path.lstat().st_uid == os.geteuid()
        assert path.is_symlink() or path.stat().st_mode & 0o022 == 0
    assert node.version == "22.11.0"


# Answers of the registry


async def test_the_registrys_answer_is_good_for_a_day(shop: Shop) -> None:
    await shop.provide(Tool(name="node", wanted="22"))
    shop.registry.add(NODE, "22.12.0", program="node")
    shop.clock.seconds += DAY_SECONDS - 1
    assert (await shop.provide(Tool(name="node", wanted="22")))[0].version == "22.11.0"
    shop.clock.seconds += 1
    assert (await shop.provide(Tool(name="node", wanted="22")))[0].version == "22.12.0"


async def test_an_old_answer_is_used_while_the_registry_cannot_be_reached(shop: Shop) -> None:
    await shop.provide(Tool(name="node", wanted="22"))
    shop.clock.seconds += 3 * DAY_SECONDS
    shop.registry.url = "http://127.0.0.1:9/"
    shop.start()
    (node,) = await shop.provide(Tool(name="node", wanted="22"))
    assert node.version == "22.11.0"
    assert shop.said[0].startswith("warning: going by what the registry had 72 hours ago. The npm registry was asked")
    assert shop.said[1:] == ["Using node 22.11.0, which fits 22."]


async def test_a_registry_that_never_answered_is_named_in_the_refusal(shop: Shop) -> None:
    shop.registry.url = "http://127.0.0.1:9/"
    shop.start()
    with pytest.raises(BuildFailed, match=r"^This project needs node 22, and this host has 20\.20\.2\. The npm regis"):
        await shop.provide(Tool(name="node", wanted="22"))


# What comes with Node


@pytest.mark.parametrize(
    ("tool", "version"),
    [
        (Tool(name="pnpm"), "10.34.9"),
        (Tool(name="pnpm", wanted="9.1.0"), "9.1.0"),
        (Tool(name="pnpm", wanted=">=9"), "10.34.9"),
        (Tool(name="yarn"), "1.22.22"),
        (Tool(name="yarn", wanted="^1.22.0"), "1.22.22"),
        (Tool(name="yarn", wanted="4.x"), "4.18.1"),
        (Tool(name="yarn", wanted="3.8.7"), "3.8.7"),
        (Tool(name="bun"), "1.4.5"),
        (Tool(name="npm", wanted="10.9.2"), "10.9.2"),
    ],
)
async def test_a_package_manager_is_installed_and_runs(shop: Shop, tool: Tool, version: str) -> None:
    provided = await shop.provide(Tool(name="node"), tool)
    assert provided[1] == Tool(name=tool.name, wanted=tool.wanted, version=version, place=f"{tool.name}/{version}/bin")
    assert shop.said == ["Using the host's node 20.20.2.", f"Installing {tool.name} {version}."]
    assert shop.run(provided, tool.name) == f"v{version}"


async def test_the_projects_own_npm_comes_before_the_one_of_its_node(shop: Shop) -> None:
    provided = await shop.provide(Tool(name="node", wanted="22.11.0"), Tool(name="npm", wanted="11"))
    assert shop.run(provided, "npm") == "v11.4.0"


async def test_a_project_that_names_no_node_gets_one_on_which_its_pnpm_runs(shop: Shop) -> None:
    provided = await shop.provide(Tool(name="pnpm", wanted="11.2.0"), Tool(name="node"))
    assert [tool.version for tool in provided] == ["11.2.0", "24.14.0"]


# Refusals


@pytest.mark.parametrize(
    ("tools", "sentence"),
    [
        (
            (Tool(name="node", wanted="banana"),),
            "This project asks for node 'banana', which is no version or range of versions: "
            "write one like `22` or `>=20 <23`.",
        ),
        (
            (Tool(name="node", wanted=">=99"),),
            "This project needs node >=99, and the npm registry has none that fits; this host has 20.20.2: "
            "change the version that the project asks for.",
        ),
        (
            (Tool(name="node", wanted="22.99.0"),),
            "There is no node 22.99.0 in the npm registry: change the version asked for.",
        ),
        (
            (Tool(name="yarn", wanted="berry"),),
            "This project asks for yarn 'berry', which is no version or range of versions: "
            "write one like `4` or an exact one.",
        ),
        (
            (Tool(name="node", wanted="20"), Tool(name="pnpm", wanted="11")),
            "pnpm 11.2.0 needs node 22.13.0 or newer, and this build has 20.20.2: "
            'set `engines.node` in package.json to ">=22.13.0".',
        ),
        (
            (Tool(name="python", wanted="3.99"),),
            "This project needs Python 3.99; this host has {python}, and no such version can be downloaded: "
            "change the version it asks for.",
        ),
        (
            (Tool(name="python", wanted="pypy3.10"),),
            "This project asks for python 'pypy3.10', which is no version or range of versions: "
            "write one like `3.12` or `>=3.11`.",
        ),
        (
            (Tool(name="hugo"),),
            "This project needs hugo on this host (apt install hugo), or the docker runtime.",
        ),
    ],
)
async def test_a_tool_that_cannot_be_had_is_refused_in_words(
    shop: Shop, tools: tuple[Tool, ...], sentence: str
) -> None:
    with pytest.raises(BuildFailed) as refused:
        await shop.provide(*tools)
    if "{python}" in sentence:
        before, after = sentence.split("{python}")
        assert str(refused.value).startswith(before)
        assert str(refused.value).endswith(after)
    else:
        assert str(refused.value) == sentence


async def test_a_node_that_does_not_run_here_is_not_kept(shop: Shop) -> None:
    shop.registry.add(NODE, "22.0.0", program="another-name")
    with pytest.raises(BuildFailed, match=r"^node 22\.0\.0 was downloaded but does not run on this host: .*not found"):
        await shop.provide(Tool(name="node", wanted="22.0.0"))
    assert not (shop.folder / "node").exists()


# Keeping


async def test_only_what_is_kept_stays(shop: Shop) -> None:
    (kept, _) = await shop.provide(Tool(name="node", wanted="22.11.0"), Tool(name="pnpm", wanted="9.1.0"))
    assert await shop.tools.keep_only([kept]) == 0
    shop.clock.seconds += DAY_SECONDS
    assert await shop.tools.keep_only([kept]) > 0
    assert sorted(path.name for path in shop.folder.iterdir() if not path.name.startswith(".")) == ["node", "pnpm"]
    assert list((shop.folder / "pnpm").iterdir()) == []
    assert shop.run((kept,), "node") == "v22.11.0"


# Python


async def test_the_hosts_python_is_given_names_and_told_to_uv(shop: Shop) -> None:
    provided = await shop.provide(Tool(name="python", wanted=">=3.8"))
    (python,) = provided
    assert python.place == f"python/{python.version}/bin"
    assert shop.said == [f"Using the host's Python {python.version}, which fits >=3.8."]
    assert shop.run(provided, "python --version") == f"Python {python.version}"
    interpreter = shop.tools.env(provided)["UV_PYTHON"]
    assert interpreter.startswith("/usr/")
    assert shop.tools.env(()) == {}


async def test_another_fix_of_the_same_python_will_do(shop: Shop) -> None:
    (python,) = await shop.provide(Tool(name="python"))
    minor = python.version.rpartition(".")[0]
    await shop.provide(Tool(name="python", wanted=f"{minor}.99"))
    assert shop.said == [
        f"Using the host's Python {python.version}: {minor}.99 was asked for, and only bug fixes lie between the two."
    ]


async def test_a_python_that_cannot_be_downloaded_is_refused_with_what_is_here(shop: Shop) -> None:
    (here,) = await shop.provide(Tool(name="python"))
    other = "3.10" if here.version.startswith("3.13.") else "3.13"
    with pytest.raises(BuildFailed) as refused:
        await shop.provide(Tool(name="python", wanted=f"=={other}.*"))
    said = str(refused.value)
    assert said.startswith(f"This project needs Python =={other}.*; this host has ")
    assert here.version in said
    assert said.endswith(
        f"could not be downloaded: install it (apt install python{other}) "
        "or change the version that the project asks for."
    )


async def test_a_downloaded_python_goes_when_nobody_keeps_it(shop: Shop) -> None:
    downloaded = shop.folder / ".pythons" / "cpython-3.99.1-linux-x86_64-gnu" / "bin"
    programs = shop.folder / "python" / "3.99.1" / "bin"
    for folder in (downloaded, programs):
        folder.mkdir(parents=True)
    (downloaded / "python3.99").write_bytes(b"#" * 1000)
    (programs / "python3").symlink_to(downloaded / "python3.99")
    tool = Tool(name="python", version="3.99.1", place="python/3.99.1/bin")
    assert shop.tools.env([tool]) == {"UV_PYTHON": str(downloaded / "python3.99")}
    assert await shop.tools.keep_only([tool]) == 0
    assert await shop.tools.keep_only([]) >= 1000
    assert list((shop.folder / ".pythons").iterdir()) == []
