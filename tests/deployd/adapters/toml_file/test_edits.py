"""However deployd.toml is written, each edit is noticed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from deployd.adapters.toml_file import TomlFile


def _text(name: str) -> str:
    return f'[server]\nbase_domain = "{name}.test"\n'


def _touch(path: Path) -> None:
    path.write_text(path.read_text())


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(".new")
    new.write_text(text)
    new.replace(path)


def _turn(link: Path, target: Path) -> None:
    """In one step, as deployments of configuration do."""
    made = link.with_name(f"{link.name}.new")
    made.symlink_to(target)
    made.replace(link)


class _Watched:
    def __init__(self, file: TomlFile) -> None:
        self._file = file
        self._edits = cast(AsyncGenerator[None, None], file.edits())

    async def begin(self, path: Path) -> None:
        """Writes until an edit is noticed, since a watch says nothing of when it began."""
        first = asyncio.ensure_future(anext(self._edits))
        async with asyncio.timeout(30):
            while not first.done():
                _touch(path)
                await asyncio.wait({first}, timeout=0.5)
        first.result()

    async def sees(self, name: str) -> None:
        async with asyncio.timeout(30):
            while (await self._file.load()).server.base_domain != f"{name}.test":
                await anext(self._edits)

    async def end(self) -> None:
        await self._edits.aclose()


@asynccontextmanager
async def watched(path: Path) -> AsyncIterator[_Watched]:
    watch = _Watched(TomlFile(path))
    await watch.begin(path)
    try:
        yield watch
    finally:
        await watch.end()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "deployd.toml"
    path.write_text(_text("old"))
    return path


async def test_a_file_that_is_written_in_place_or_replaced(file: Path) -> None:
    async with watched(file) as watch:
        _write(file, _text("written"))
        await watch.sees("written")
        _replace(file, _text("replaced"))
        await watch.sees("replaced")


async def test_a_link_is_followed_and_its_being_turned_is_an_edit(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "real.toml").write_text(_text(name))
    link = tmp_path / "deployd.toml"
    link.symlink_to(tmp_path / "one" / "real.toml")
    async with watched(link) as watch:
        (tmp_path / "one" / "real.toml").write_text(_text("edited"))
        await watch.sees("edited")
        _turn(link, tmp_path / "two" / "real.toml")
        await watch.sees("two")


async def test_a_link_to_a_folder_on_the_way_that_is_turned_is_an_edit(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "deployd.toml").write_text(_text(name))
    (tmp_path / "current").symlink_to("one")
    link = tmp_path / "deployd.toml"
    link.symlink_to("current/deployd.toml")
    async with watched(link) as watch:
        _turn(tmp_path / "current", Path("two"))
        await watch.sees("two")


async def test_an_edit_before_the_watch_began_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "deployd.toml"
    _write(path, _text("one"))
    file = TomlFile(path)
    await file.load()
    _write(path, _text("second"))
    edits = cast(AsyncGenerator[None, None], file.edits())
    async with asyncio.timeout(30):
        await anext(edits)
    assert (await file.load()).server.base_domain == "second.test"
    again = asyncio.ensure_future(anext(edits))
    done, _ = await asyncio.wait({again}, timeout=1.2)
    assert not done  # Once is enough.
    again.cancel()
    await asyncio.wait({again})
    await edits.aclose()
