"""Builds: what deployd adds to an app's own commands, cold and again; detection; the sandbox.

A cold build begins with nothing but what an earlier round has downloaded, on both sides; it is compared with
the commands by hand of the same round. Nothing is deleted between the
rounds, since some filesystems are slow for a while after a large deletion. Disks vary all the same, so
there is a second figure: what of a build was spent outside its commands, and on shutting each of them in.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import uv
import uvloop

from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.builders.builder import SandboxedBuilder
from deployd.builders.registry_env import registry_env
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Place, Workshop
from deployd.domain.build import BuildPlan, BuildWishes, Dependencies

DETECTION_GOAL_MS = 20
SANDBOX_GOAL_MS = 20
SECOND_GOAL_MS = 300
COLD_GOAL_PERCENT = 5
COLD_ROUNDS = 6
WARM_ROUNDS = 5
_QUIET = "--no-audit --no-fund --loglevel=warn"
_NODE_PACKAGES = {
    "name": "shop",
    "private": True,
    "type": "module",
    "scripts": {"build": "vite build"},
    "dependencies": {"express": "4.21.2", "react": "18.3.1", "react-dom": "18.3.1", "fastify": "5.2.1"},
    "devDependencies": {
        "vite": "8.3.8",
        "webpack": "5.97.1",
        "eslint": "9.18.0",
        "typescript": "5.7.3",
        "prettier": "3.4.2",
    },
}
_NODE_FILES = {
    "package.json": json.dumps(_NODE_PACKAGES, indent=2),
    "index.html": '<div id="root"></div><script type="module" src="/main.jsx"></script>',
    "main.jsx": 'import { createRoot } from "react-dom/client";\n'
    'createRoot(document.getElementById("root")).render(<p>Hello</p>);\n',
}
_PYTHON_FILES = {
    "requirements.txt": "fastapi[standard]==0.115.6\n",
    "main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
}
_NODE = BuildPlan(
    builder="node",
    why="npm",
    dependencies=Dependencies(
        steps=(f"npm ci --include=dev --prefer-offline {_QUIET}",),
        folders=("node_modules",),
        inputs=("package.json", "package-lock.json", ".npmrc"),
        reusable=True,
        prune=(f"npm prune --omit=dev {_QUIET}",),
    ),
    steps=("npm run build",),
    env={"NODE_ENV": "production"},
)
_PYTHON = BuildPlan(
    builder="python",
    why="uv",
    dependencies=Dependencies(
        steps=(
            "uv venv --quiet --relocatable --clear .venv",
            "uv pip install --python .venv -r requirements.txt",
        ),
        folders=(".venv",),
        inputs=("requirements.txt",),
        reusable=True,
    ),
)


class App:
    """A small app of one kind: its files, its plan, and what its builds took."""

    def __init__(self, name: str, folder: Path, files: Mapping[str, str], plan: BuildPlan) -> None:
        self.name = name
        self.folder = folder / name
        self.source = self.folder / "source"
        self.plan = plan
        self.source.mkdir(parents=True)
        for file, text in files.items():
            (self.source / file).write_text(text)
        if "package.json" in files:
            _run(f"npm install --package-lock-only {_QUIET}", self.source, _hand_env(self.folder / "lock", {}))
        self._number = 0

    def project(self) -> Path:
        self._number += 1
        return Path(shutil.copytree(self.source, self.folder / f"project-{self._number}"))

    def by_hand(self) -> float:
        """Seconds for all commands, with what an earlier round has downloaded."""
        cache, project = self.folder / "hand", self.project()
        env = _hand_env(cache, self.plan.env)
        packages = self.plan.dependencies or Dependencies(steps=(), folders=())
        os.sync()
        return sum(_run(step, project, env) for step in (*packages.steps, *self.plan.steps, *packages.prune))

    async def cold(self, bench: "Bench") -> "Built":
        """Nothing is there but what an earlier round has downloaded: the registry's speed is nobody's overhead."""
        trees = self.folder / "cache" / "trees"
        if trees.exists():
            trees.rename(self.folder / f"trees-{self._number}")
        return await self.build(bench)

    async def build(self, bench: "Bench") -> "Built":
        project = await asyncio.to_thread(self.project)
        await asyncio.to_thread(os.sync)
        bench.workshop.spent.clear()
        start = perf_counter()
        await bench.builder.build(project, self.plan, {}, self.folder / "cache", _nobody)
        built = perf_counter()
        apart = self.plan.dependencies.folders if self.plan.dependencies else ()
        digest = await bench.artifacts.pack(project, apart, self.folder.name)
        packed = perf_counter()
        await bench.builder.settle(self.folder / "cache")
        await bench.builder.tidy(self.folder / "cache")
        tidied = perf_counter()
        own = sum(bench.workshop.spent.get(step, 0.0) for step in self.plan.steps)
        commands = sum(bench.workshop.spent.values()) - len(bench.workshop.spent) * bench.sandbox_seconds
        return Built(built - start, commands, own, packed - built, tidied - packed, digest)


class Built(NamedTuple):
    """Seconds of one build; `commands` and among them the app's `own` are part of `whole`."""

    whole: float
    commands: float
    own: float
    packing: float
    tidying: float
    digest: str


class TimedWorkshop(Workshop):
    """Knows how long each step took."""

    def __init__(self) -> None:
        super().__init__(pass_env=registry_env(os.environ))
        self.spent: dict[str, float] = {}

    async def run(self, step: str, place: Place, on_line: Callable[[str], None], at: str = ".") -> None:
        start = perf_counter()
        await super().run(step, place, on_line, at)
        self.spent[step] = perf_counter() - start


class Bench:
    def __init__(self, folder: Path) -> None:
        self.workshop = TimedWorkshop()
        self.builder = SandboxedBuilder(self.workshop, InstalledToolchains(folder / "toolchains", self.workshop))
        self.artifacts = LocalArtifacts(folder / "artifacts")
        self.sandbox_seconds = 0.0


async def measure_app(app: App, bench: Bench) -> None:
    first = await app.cold(bench)
    await asyncio.to_thread(app.by_hand)
    hand: list[float] = []
    cold: list[Built] = []
    for number in range(COLD_ROUNDS):
        if number % 2:  # Whoever comes second works while the first one's files are still written to the disk.
            cold.append(await app.cold(bench))
        hand.append(await asyncio.to_thread(app.by_hand))
        if not number % 2:
            cold.append(await app.cold(bench))
    _tell_cold(app.name, hand, cold)
    warm = [await app.build(bench) for _ in range(WARM_ROUNDS)]
    assert {one.digest for one in warm} == {cold[-1].digest}, "a build that took its packages over gave something else"
    _tell_warm(app.name, warm, first.whole, bench.sandbox_seconds * len(app.plan.steps))


def _tell_cold(name: str, hand: list[float], cold: list[Built]) -> None:
    by_hand, whole = statistics.median(hand), statistics.median(one.whole for one in cold)
    extra = (statistics.median(one.whole / other for one, other in zip(cold, hand, strict=True)) - 1) * 100
    ours = statistics.median(one.whole - one.commands for one in cold)
    share = ours / by_hand * 100
    print(f"{name}: cold build {whole:.2f} s, by hand {by_hand:.2f} s: {extra:+.1f} % "
          f"(goal {COLD_GOAL_PERCENT} %: {_verdict(extra, COLD_GOAL_PERCENT, '%')}); "
          f"by hand it varies by {(max(hand) / min(hand) - 1) * 100:.0f} %; "
          f"outside its commands {ours:.2f} s, {share:.1f} % "
          f"({_verdict(share, COLD_GOAL_PERCENT, '%')})")  # fmt: skip


def _tell_warm(name: str, warm: list[Built], first: float, sandbox: float) -> None:
    second = statistics.median(one.whole for one in warm)
    over = statistics.median(one.whole - one.own for one in warm) * 1000 + sandbox * 1000
    packing = statistics.median(one.packing for one in warm) * 1000
    tidying = statistics.median(one.tidying for one in warm) * 1000
    print(f"{name}: second build {second * 1000:.0f} ms, {over:.0f} ms over its own command "
          f"(goal {SECOND_GOAL_MS} ms: {_verdict(over, SECOND_GOAL_MS, 'ms')}), {first / second:.1f} times as fast as "
          f"the first; packing takes {packing:.0f} ms more; tidying the cache, for which "
          f"nobody waits, {tidying:.0f} ms")  # fmt: skip


async def measure_detection(folder: Path, builder: SandboxedBuilder) -> None:
    for number in range(10_000):
        file = folder / f"src/part{number // 100}/file{number}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for name, text in _NODE_FILES.items():
        (folder / name).write_text(text)
    (folder / "package-lock.json").write_text("{}")
    (folder / "Procfile").write_text("web: node main.js\n")
    spent = await _median_ms(lambda: builder.plan(folder, BuildWishes()))
    print(f"detection in a tree of 10,000 files {spent:.1f} ms "
          f"(goal {DETECTION_GOAL_MS} ms: {_verdict(spent, DETECTION_GOAL_MS, 'ms')})")  # fmt: skip
    await builder.close()


async def measure_sandbox(folder: Path, workshop: Workshop) -> float:
    """Seconds."""
    (folder / "project").mkdir(parents=True)
    place = Place(project=folder / "project", cache=folder / "cache")
    await workshop.prepare(place, _nobody)
    if reason := await workshop.why_not_sandboxed():
        print(f"the sandbox cannot be measured: {reason}")
        return 0.0
    spent = await _median_ms(lambda: workshop.run("true", place, _nobody))
    print(f"a command in the sandbox {spent:.1f} ms "
          f"(goal {SANDBOX_GOAL_MS} ms: {_verdict(spent, SANDBOX_GOAL_MS, 'ms')})")  # fmt: skip
    return spent / 1000


async def _median_ms(work: Callable[[], Awaitable[object]]) -> float:
    spent = []
    for _ in range(20):
        start = perf_counter()
        await work()
        spent.append((perf_counter() - start) * 1000)
    return statistics.median(spent)


def _verdict(value: float, goal: float, unit: str) -> str:
    return f"met by {goal - value:.0f} {unit}" if value <= goal else f"MISSED by {value - goal:.0f} {unit}"


def _hand_env(cache: Path, env: Mapping[str, str]) -> dict[str, str]:
    """As a person would have it in a shell of their own, with the caches that a build has."""
    (cache / "home").mkdir(parents=True, exist_ok=True)
    programs = [str(Path(uv.find_uv_bin()).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        "PATH": ":".join(programs),
        "HOME": str(cache / "home"),
        "npm_config_cache": str(cache / "npm"),
        "npm_config_update_notifier": "false",
        "UV_CACHE_DIR": str(cache / "uv"),
        "UV_LINK_MODE": "copy",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON": "/usr/bin/python3",
        "UV_COMPILE_BYTECODE": "1",
        "PYC_INVALIDATION_MODE": "UNCHECKED_HASH",
        **registry_env(os.environ),
        **env,
    }


def _run(step: str, folder: Path, env: Mapping[str, str]) -> float:
    start = perf_counter()
    subprocess.run(step, shell=True, cwd=folder, env=dict(env), check=True, capture_output=True)
    return perf_counter() - start


def _nobody(line: str) -> None:
    pass


async def run() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder)
        await measure_detection(folder / "tree", bench.builder)
        bench.sandbox_seconds = await measure_sandbox(folder / "sandbox", bench.workshop)
        for app in (App("npm app", folder, _NODE_FILES, _NODE), App("Python app", folder, _PYTHON_FILES, _PYTHON)):
            await measure_app(app, bench)


def main() -> None:
    uvloop.run(run())


if __name__ == "__main__":
    main()
