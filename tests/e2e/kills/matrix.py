"""Kills deployd at random moments of what it does, and looks at what is left once it has started again.

`make kills`, or `python -m tests.e2e.kills --kills 240 --seed 7`. A seed repeats actions and moments.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.kills.numbered import Lines, numbered_app
from tests.support.daemon import Daemon
from tests.support.repos import repo_with, write

LINES_A_SECOND = 200
_LATEST_SECONDS = 1.6
_SETTLED_SECONDS = 40.0
_SITE = '[apps.site]\nrepo = "{repo}"\ndomains = ["site.test"]\nhealth = "{health}"\n'
_ENDED = ("live", "failed", "cancelled", "superseded", "interrupted", "reverted", "canary")

Action = Callable[[], Coroutine[Any, Any, None]]


class Matrix:
    """Two apps that stay: `busy` is acted upon and `site` is another's content; `brief` comes and goes."""

    def __init__(self, daemon: Daemon, folder: Path, seed: int) -> None:
        self._daemon = daemon
        self._folder = folder
        self._chance = random.Random(seed)
        self._number = 0
        self._versions = {"v0 0"}
        self._texts = {"site"}
        self._lines: Lines | None = None
        self.kills: Counter[str] = Counter()
        self.faults: list[str] = []
        self.mixed: list[str] = []
        self._why = ""
        self._actions: dict[str, Action] = {
            "deploy": self._deploy,
            "rollback": self._roll_back,
            "env change": self._change_env,
            "restart": self._restart,
            "canary": self._canary,
            "removal": self._remove,
            "toml edit": self._edit,
        }

    @property
    def line_count(self) -> int:
        return self._lines.count if self._lines is not None else 0

    async def prepare(self) -> None:
        daemon = self._daemon
        self._busy = repo_with(numbered_app("v0", LINES_A_SECOND), self._folder / "busy-repo")
        self._site = repo_with({"index.html": "site"}, self._folder / "site-repo")
        self._brief = repo_with(numbered_app("brief", LINES_A_SECOND), self._folder / "brief-repo")
        self._write_toml("/")
        await daemon.start()
        await daemon.create_app("busy", str(self._busy))
        assert (await daemon.deploy("busy"))["outcome"] == "live"
        self._lines = Lines(daemon, "busy")
        await self._settled()

    async def run(self, kills: int) -> None:
        names = list(self._actions)
        async with self._visitors():
            for number in range(kills):
                await self._kill_within(names[number % len(names)])
                if (number + 1) % 20 == 0:
                    print(f"{number + 1} kills, {len(self.faults)} violations, {self.line_count} lines", flush=True)

    async def _kill_within(self, name: str) -> None:
        self._number += 1
        if name == "removal":
            await self._make_brief()
        await self._settled()
        acting = asyncio.create_task(self._actions[name](), name=name)
        await asyncio.sleep(self._chance.uniform(0, _LATEST_SECONDS))
        await self._daemon.kill()
        acting.cancel()
        with suppress(asyncio.CancelledError, aiohttp.ClientError, OSError, AssertionError):
            await acting
        self.kills[name] += 1
        try:
            await self._daemon.start()
            await self._settled()
            await self._look()
        except (AssertionError, TimeoutError) as fault:
            self._say(name, str(fault) or f"not settled: {self._why}")
        for mixed in self.mixed:
            self._say(name, mixed)
        self.mixed.clear()

    def _say(self, name: str, fault: str) -> None:
        self.faults.append(f"kill {self._number} within {name}: {fault}")
        print(self.faults[-1], flush=True)

    # What it is killed within

    async def _deploy(self) -> None:
        version = f"v{self._number}"
        self._versions |= {f"{version} {round}" for round in range(self._number + 1)}
        write(self._busy, numbered_app(version, LINES_A_SECOND), version)
        await self._daemon.deploy("busy")

    async def _roll_back(self) -> None:
        await self._ended("POST", "/api/v1/apps/busy/rollback", {})

    async def _change_env(self) -> None:
        self._versions |= {f"{one.split()[0]} {self._number}" for one in self._versions}
        await self._daemon.api("PATCH", "/api/v1/apps/busy/env", {"ROUND": str(self._number)})
        await self._restart()

    async def _restart(self) -> None:
        await self._ended("POST", "/api/v1/apps/busy/restart", {})

    async def _canary(self) -> None:
        version = f"v{self._number}"
        self._versions |= {f"{version} {round}" for round in range(self._number + 1)}
        write(self._busy, numbered_app(version, LINES_A_SECOND), version)
        await self._ended("POST", "/api/v1/apps/busy/deployments", {"canary": {"percent": 50}})
        verb = self._chance.choice(["promote", "abort"])
        await self._daemon.api("POST", f"/api/v1/apps/busy/canary/{verb}", {})

    async def _make_brief(self) -> None:
        if (await self._daemon.api("GET", "/api/v1/apps/brief"))[0] == 404:
            await self._daemon.create_app("brief", str(self._brief))
        await self._daemon.deploy("brief")

    async def _remove(self) -> None:
        await self._daemon.api("DELETE", "/api/v1/apps/brief")

    async def _edit(self) -> None:
        text = f"site {self._number}"
        self._texts.add(text)
        write(self._site, {"index.html": text}, text)
        self._write_toml(f"/?{self._number}")
        await self._ended("POST", "/api/v1/apps/site/deployments", {})

    async def _ended(self, method: str, path: str, body: object) -> None:
        status, answer = await self._daemon.api(method, path, body)
        if status == 202:
            await self._daemon.ended(answer["id"])

    def _write_toml(self, health: str) -> None:
        self._daemon.write_config(_SITE.format(repo=self._site, health=health))

    # What has to be so afterwards

    async def _settled(self) -> None:
        """Every deployment has ended, and both apps answer."""
        async with asyncio.timeout(_SETTLED_SECONDS):
            while unsettled := await self._unsettled():
                self._why = unsettled
                await asyncio.sleep(0.05)

    async def _unsettled(self) -> str:
        for app in ("busy", "site", "brief"):
            status, body = await self._daemon.api("GET", f"/api/v1/apps/{app}/deployments")
            if status != 200 and app == "site":
                return "site is not there yet"
            open_ones = [one["id"] for one in body.get("deployments", []) if one["outcome"] is None]
            if open_ones:
                return f"{open_ones} of {app} have no outcome"
        for app in ("busy", "site"):
            if (await self._daemon.get(f"{app}.test"))[0] != 200:
                return f"{app} does not answer"
        return ""

    async def _look(self) -> None:
        data = self._folder / "data"
        _, listed = await self._daemon.api("GET", "/api/v1/apps")
        apps = {app["name"] for app in listed["apps"]}
        assert listed["broken"] == {}, listed["broken"]
        assert {"busy", "site"} <= apps <= {"busy", "site", "brief"}, apps
        instances = []
        for app in sorted(apps):
            instances += await self._instances(app)
            _, body = await self._daemon.api("GET", f"/api/v1/apps/{app}/deployments?limit=100")
            outcomes = [one["outcome"] for one in body["deployments"]]
            assert set(outcomes) <= set(_ENDED), outcomes
        await self._only(instances, apps, data)
        assert self._lines is not None
        await self._lines.read()
        assert self._lines.faults == [], self._lines.faults
        answer = (await self._daemon.get("busy.test"))[1]
        assert answer in self._versions, f"busy answers {answer!r}"

    async def _instances(self, app: str) -> list[dict[str, Any]]:
        """One copy of each release that serves; what is being put away is waited for."""
        async with asyncio.timeout(_SETTLED_SECONDS):
            while True:
                _, shown = await self._daemon.api("GET", f"/api/v1/apps/{app}")
                _, body = await self._daemon.api("GET", f"/api/v1/apps/{app}/instances")
                found: list[dict[str, Any]] = body["instances"]
                canary = 1 if shown["canary"] else 0
                expected = 0 if app == "site" or shown["release"] is None else 1 + canary
                if len(found) == expected and all(one["state"] == "running" for one in found):
                    return found
                self._why = f"{app} has {[(one['process'], one['state']) for one in found]}, not {expected}"
                await asyncio.sleep(0.05)

    async def _only(self, instances: list[dict[str, Any]], apps: set[str], data: Path) -> None:
        """No process, port, folder or file but those of what is there; what is being put away is waited for."""
        try:
            async with asyncio.timeout(_SETTLED_SECONDS):
                while left := await asyncio.to_thread(self._left_over, instances, apps, data):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"left over: {left}") from None

    def _left_over(self, instances: list[dict[str, Any]], apps: set[str], data: Path) -> list[str]:
        ids, pids = {one["id"] for one in instances}, {one["pid"] for one in instances}
        ports = {one["port"] for one in instances}
        left = [f"process {pid}: {what}" for pid, what in _processes_of(data) if pid not in pids]
        left += [f"port claim {name}" for name in _claims(self._daemon.pid) if not ports & _numbers(name)]
        left += [f"{file}" for file in _inside(data / "instances") if not any(one in file.name for one in ids)]
        left += [f"{file}" for file in _inside(data / "builds")]
        left += [f"{file}" for file in _inside(data / "releases") if file.name not in apps]
        left += [f"{file}" for file in _inside(data / "mirrors") if file.name.removesuffix(".git") not in apps]
        left += [f"{file}" for file in data.rglob("*.tmp")]
        return left

    # Visitors, who must never see a mix

    @asynccontextmanager
    async def _visitors(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._visit(host)) for host in ("busy", "site")]
            yield
            for task in tasks:
                task.cancel()

    async def _visit(self, host: str) -> None:
        while True:
            with suppress(aiohttp.ClientError, OSError):
                status, text = await self._daemon.get(f"{host}.test")
                known = self._versions if host == "busy" else self._texts
                if status == 200 and text not in known:
                    self.mixed.append(f"a visitor of {host} was answered {text!r}")
            await asyncio.sleep(0.01)


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


def _processes_of(data: Path) -> list[tuple[int, str]]:
    """Of apps and builds: those that work in the data folder, but for deployd itself."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            where = os.readlink(process / "cwd")
            if where.startswith((f"{data}/releases", f"{data}/builds")):
                found.append((int(process.name), (process / "cmdline").read_bytes().decode().replace("\0", " ")))
    return found


def _claims(pid: int) -> list[str]:
    """Abstract names that this daemon holds."""
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            own.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [line[7] for line in lines if len(line) > 7 and line[7].startswith("@") and line[6] in own]


def _numbers(name: str) -> set[int]:
    digits = "".join(sign if sign.isdigit() else " " for sign in name)
    return {int(number) for number in digits.split()}
