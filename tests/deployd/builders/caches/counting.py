"""A small project whose installation is slow enough to be killed in its midst, and needs no registry."""

from pathlib import Path

from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.builders.builder import SandboxedBuilder
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Workshop
from deployd.domain.build import BuildPlan, Dependencies

FILES = 400
PLAN = BuildPlan(
    builder="test",
    why="a test",
    dependencies=Dependencies(
        steps=("python3 install.py",),
        folders=("node_modules", "web/node_modules"),
        inputs=("lock",),
        reusable=True,
        on_reuse=("echo reused",),
        prune=("python3 prune.py",),
    ),
    steps=("python3 build.py",),
    kept=(".next/cache",),
)
_INSTALL = f"""
import os, pathlib
lock = pathlib.Path("lock").read_text()
for number in range({FILES}):
    folder = f"{{'web/' if number % 5 == 0 else ''}}node_modules/{{'dev' if number % 3 else 'run'}}-{{number // 40}}"
    os.makedirs(folder, exist_ok=True)
    pathlib.Path(f"{{folder}}/file{{number}}.js").write_text(f"{{lock}} {{number}}")
pathlib.Path("node_modules/.note").write_text(lock)
print("installed")
"""
_BUILD = """
import os, pathlib
count = sum(len(files) for _, _, files in os.walk("."))
os.makedirs(".next/cache", exist_ok=True)
pathlib.Path(".next/cache/pack").write_text("x" * 100_000)
pathlib.Path("node_modules/.generated").write_text("by the build")
pathlib.Path("bundle.js").write_text(pathlib.Path("lock").read_text())
pathlib.Path("node_modules/run-0/file3.js").write_text("generated in place") if os.path.exists("in-place") else None
"""
_PRUNE = """
import glob, pathlib, shutil
for folder in glob.glob("node_modules/dev-*") + glob.glob("web/node_modules/dev-*"):
    shutil.rmtree(folder)
pathlib.Path("node_modules/.note").write_text("pruned")
print("pruned")
"""


def write_project(folder: Path, lock: str) -> Path:
    folder.mkdir()
    for name, text in {"install.py": _INSTALL, "build.py": _BUILD, "prune.py": _PRUNE, "lock": lock}.items():
        (folder / name).write_text(text)
    return folder


class Yard:
    """A builder with one app's cache; each build has a project of its own."""

    def __init__(self, folder: Path, workshop: Workshop, cache_mb: int = 2048) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.builder = SandboxedBuilder(
            workshop, InstalledToolchains(folder / "toolchains", workshop), timeout_seconds=60, cache_mb=cache_mb
        )
        self.artifacts = LocalArtifacts(folder / "artifacts")
        self.said: list[str] = []

    async def build(self, project: Path, plan: BuildPlan = PLAN) -> str:
        """The digest of what came out; `said` are the lines of this build."""
        self.said = []
        try:
            await self.builder.build(project, plan, {}, self.cache, self.said.append)
            return await self.artifacts.pack(project)
        finally:
            await self.builder.settle(self.cache)
