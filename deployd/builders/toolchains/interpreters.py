"""Provides python: an interpreter of this host, else one that uv downloads."""

import asyncio
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
import uv

from deployd.builders.lines import Lines, Written
from deployd.builders.run import run_step
from deployd.builders.toolchains import python_range
from deployd.builders.toolchains.host import using_nearest
from deployd.builders.toolchains.refusals import asked, host_has, unreadable
from deployd.builders.toolchains.shelf import Scratch, Shelf
from deployd.domain.build import Tool
from deployd.domain.errors import BuildFailed

OnLine = Callable[[str], None]
_LIST_SECONDS = 30.0
_DOWNLOAD_SECONDS = 180.0
_MOST_BYTES = 16 << 20
_NOT_PASSED = frozenset({"UV_PYTHON_INSTALL_DIR", "UV_PYTHON_DOWNLOADS", "UV_PYTHON_PREFERENCE", "UV_CONFIG_FILE"})
_NAMES = ("python", "python3")


class _Listed(msgspec.Struct, frozen=True):
    """One line of `uv python list`; `path` is None for what could be downloaded."""

    version: str
    path: str | None = None
    implementation: str = "cpython"
    variant: str = "default"


class _Interpreter(msgspec.Struct, frozen=True):
    version: str
    path: Path


class Interpreters:
    """`env` are the settings by which uv reaches its downloads. uv checks them by hashes that it was built with."""

    def __init__(self, shelf: Shelf, search_path: str, env: Mapping[str, str]) -> None:
        self._shelf = shelf
        self._search_path = search_path
        self._env = {key: value for key, value in env.items() if key.upper() not in _NOT_PASSED}
        self._downloads = shelf.folder / ".pythons"
        self._lock = asyncio.Lock()
        self._seen: tuple[object, dict[str, Path]] = (None, {})

    def open(self) -> None:
        """Clears what a download that was killed has left. Blocks; before the first build."""
        shutil.rmtree(self._downloads / ".temp", ignore_errors=True)

    async def provide(self, tool: Tool, on_line: OnLine) -> Tool:
        """The folder of its programs holds `python` and `python3`, which not every host has."""
        try:
            found = await self._find(tool)
            if found is not None and not self._is_ours(found.path):
                return await self._put(tool, found, on_line)
            async with self._lock:
                found = await self._find(tool) or await self._download(tool, on_line)
                return await self._put(tool, found, on_line)
        except python_range.Unreadable:
            raise unreadable(tool, "`3.12` or `>=3.11`") from None

    def path(self, tool: Tool) -> Path:
        """The interpreter itself: environments made with it do not depend on our folder. Follows one link."""
        return (self._shelf.folder / tool.place / "python3").resolve()

    async def forget_unused(self) -> int:
        """Deletes what was downloaded and is linked no more; bytes set free."""
        async with self._lock:
            return await asyncio.to_thread(self._delete_unlinked)

    async def _find(self, tool: Tool) -> _Interpreter | None:
        installed = await self._installed()
        version = self._default(installed) if not tool.wanted.strip() else None
        version = version or python_range.newest(tool.wanted, installed)
        version = version or python_range.nearest(tool.wanted, tuple(installed))
        return _Interpreter(version, installed[version]) if version else None

    def _default(self, installed: Mapping[str, Path]) -> str | None:
        """What the host itself calls python3."""
        found = shutil.which("python3", path=self._search_path)
        same = (version for version, path in installed.items() if found and path == Path(found).resolve())
        return next(same, None)

    async def _put(self, tool: Tool, found: _Interpreter, on_line: OnLine) -> Tool:
        minor = ".".join(found.version.split(".")[:2])

        async def fill(scratch: Scratch) -> None:
            await asyncio.to_thread(_link, scratch.tree / "bin", (*_NAMES, f"python{minor}"), found.path)

        place = await self._shelf.put("python", found.version, fill)
        on_line(self._sentence(tool, found))
        return msgspec.structs.replace(tool, version=found.version, place=place)

    def _sentence(self, tool: Tool, found: _Interpreter) -> str:
        whose = "Python" if self._is_ours(found.path) else "the host's Python"
        using = f"Using {whose} {found.version}"
        if not tool.wanted.strip():
            return f"{using}."
        if python_range.fits(found.version, tool.wanted):
            return f"{using}, which fits {tool.wanted}."
        return using_nearest(whose, found.version, tool.wanted)

    def _is_ours(self, path: Path) -> bool:
        return path.is_relative_to(self._downloads)

    # uv

    async def _installed(self) -> dict[str, Path]:
        """By version, oldest first. Asked again when a folder of programs has changed."""
        state = await asyncio.to_thread(self._state)
        if self._seen[0] != state:
            listed = await self._list("--only-installed")
            self._seen = (state, await asyncio.to_thread(self._visible, listed))
        return self._seen[1]

    def _state(self) -> tuple[object, ...]:
        folders = (*map(Path, self._search_path.split(":")), self._downloads)
        return tuple(folder.stat().st_mtime_ns if folder.exists() else 0 for folder in folders)

    def _visible(self, listed: Iterable[_Listed]) -> dict[str, Path]:
        """To builds; the first of each version, oldest version first."""
        paths: dict[str, Path] = {}
        for one in listed:
            path = Path(one.path or "").resolve()
            if path.is_relative_to("/usr") or self._is_ours(path):
                paths.setdefault(one.version, path)
        return dict(sorted(paths.items(), key=lambda item: python_range.order(item[0])))

    async def _download(self, tool: Tool, on_line: OnLine) -> _Interpreter:
        needs = f"This project needs {asked(tool, 'Python')}; {host_has(tuple(await self._installed()))}"
        listed = await self._list("--all-versions", "--only-downloads")
        version = python_range.newest(tool.wanted, [one.version for one in listed])
        if version is None:
            raise BuildFailed(f"{needs}, and no such version can be downloaded: change the version it asks for.")
        on_line(f"Installing Python {version}.")
        said: list[str] = []
        argv = ["python", "install", version, "--install-dir", str(self._downloads), "--no-bin"]
        if await self._uv(argv, said, _DOWNLOAD_SECONDS) != 0:
            for line in said[-20:]:
                on_line(line)
            minor = ".".join(version.split(".")[:2])
            raise BuildFailed(
                f"{needs}, and {version} could not be downloaded: install it (apt install python{minor}) "
                "or change the version that the project asks for."
            )
        self._seen = (None, {})
        return _Interpreter(version, (await self._installed())[version])

    async def _list(self, *which: str) -> list[_Listed]:
        said: list[str] = []
        code = await self._uv(["python", "list", *which, "--output-format", "json"], said, _LIST_SECONDS)
        try:
            listed = msgspec.json.decode("".join(said), type=list[_Listed])
        except msgspec.DecodeError as error:
            raise BuildFailed(
                f"uv could not list the interpreters of this host (exit code {code}): {said[-1:]}"
            ) from error
        return [one for one in listed if one.implementation == "cpython" and one.variant == "default"]

    async def _uv(self, arguments: list[str], said: list[str], seconds: float) -> int:
        """Its exit code, -1 past the deadline. It starts nothing but the host's interpreters, and needs no sandbox."""
        env = {
            **self._env,
            "PATH": self._search_path,
            "HOME": "/nonexistent",
            "UV_PYTHON_INSTALL_DIR": str(self._downloads),
            "UV_HTTP_RETRIES": "1",
        }
        argv = [uv.find_uv_bin(), *arguments, "--no-cache", "--no-config", "--no-progress", "--color", "never"]
        try:
            async with asyncio.timeout(seconds):
                return await run_step(argv, env, "/", Lines(said.append, Written(), _MOST_BYTES))
        except TimeoutError:
            said.append(f"uv gave no answer within {seconds:g} s.")
            return -1

    def _delete_unlinked(self) -> int:
        linked = {path.resolve().parents[1] for path in (self._shelf.folder / "python").glob("*/bin/python3")}
        freed = 0
        for folder in self._downloads.glob("[!.]*"):
            if folder.resolve() in linked:
                continue
            if folder.is_symlink():
                folder.unlink()
                continue
            freed += sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
            shutil.rmtree(folder)
        return freed


def _link(folder: Path, names: tuple[str, ...], target: Path) -> None:
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(target)
