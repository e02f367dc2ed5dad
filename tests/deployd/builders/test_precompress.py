"""Compressed copies are made beside a site's files where that is worth it, always the same, and touch nothing else."""

import asyncio
import os
import zlib
from pathlib import Path

import brotli
import pytest
import zstandard

from deployd.builders.builder import SandboxedBuilder
from deployd.builders.precompress import precompress, precompress_now
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Workshop
from deployd.domain.build import BuildPlan

SCRIPT = b"export const answer = 42;\n" * 500


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    (root / "deep" / "er").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "app.js").write_bytes(SCRIPT)
    (root / "deep" / "er" / "style.CSS").write_bytes(SCRIPT)
    return root


def names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def content(root: Path) -> dict[str, bytes]:
    return {name: (root / name).read_bytes() for name in names(root)}


async def test_each_file_gets_copies_that_unpack_to_itself(site: Path) -> None:
    made = await precompress(site)
    assert (made.files, made.copies, made.complete) == (2, 6, True)
    for name in ("app.js", "deep/er/style.CSS"):
        assert zlib.decompress((site / (name + ".gz")).read_bytes(), 31) == SCRIPT
        assert zstandard.ZstdDecompressor().decompress((site / (name + ".zst")).read_bytes()) == SCRIPT
        assert brotli.decompress((site / (name + ".br")).read_bytes()) == SCRIPT
    assert "2 files" in str(made)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("short.js", SCRIPT[:1_023]),
        ("picture.png", SCRIPT),
        ("noise.json", os.urandom(5_000)),
        (".hidden.js", SCRIPT),
        (".git/x.js", SCRIPT),
        ("app.js.gz.map.gz", SCRIPT),
    ],
)
async def test_some_files_get_none(site: Path, name: str, data: bytes) -> None:
    (site / name).write_bytes(data)
    await precompress(site)
    assert not any(other.startswith(name + ".") for other in names(site))


async def test_the_same_files_give_the_same_copies(site: Path) -> None:
    await precompress(site)
    first = content(site)
    for name in names(site):
        if name.endswith((".gz", ".zst", ".br")):
            (site / name).unlink()
        else:
            os.utime(site / name, (0, 0))
    await precompress(site)
    assert content(site) == first


async def test_copies_that_the_build_made_itself_stay(site: Path) -> None:
    (site / "app.js.gz").write_bytes(b"own")
    made = await precompress(site)
    assert (site / "app.js.gz").read_bytes() == b"own"
    assert made.copies == 5


async def test_no_link_is_followed_or_written_through(site: Path) -> None:
    outside = site.parent / "outside"
    outside.mkdir()
    (outside / "secret.js").write_bytes(SCRIPT)
    (site / "linked.js").symlink_to(outside / "secret.js")
    (site / "linked").symlink_to(outside)
    (site / "app.js.br").symlink_to(outside / "made.br")
    (site / "loop").symlink_to(site)
    os.mkfifo(site / "pipe.js")
    made = await precompress(site)
    assert names(outside) == {"secret.js"}
    assert made.copies == 5
    assert not any(name.startswith("linked.js.") for name in names(site))


def test_the_time_is_bounded_and_that_is_told(site: Path) -> None:
    made = precompress_now(site, -1, lambda: None)
    assert (made.files, made.complete) == (0, False)
    assert "The time for it was over" in str(made)


async def test_a_cancelled_build_is_not_written_into_any_more(site: Path) -> None:
    for number in range(200):
        (site / f"{number}.js").write_bytes(SCRIPT * 20 + b"%d" % number)
    work = asyncio.ensure_future(precompress(site))
    while not (site / "0.js.gz").exists():
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    left = names(site)
    assert not any(name.endswith("unfinished") for name in left)
    assert len(left) < 800
    assert names(site) == left


async def test_a_static_build_ends_with_its_copies(site: Path) -> None:
    workshop = Workshop(bwrap=False)
    toolchains = InstalledToolchains(site.parent / "toolchains", workshop)
    builder = SandboxedBuilder(workshop, toolchains, timeout_seconds=60)
    said: list[str] = []
    plan = BuildPlan(builder="test", why="a test", static_root="deep")
    await builder.build(site, plan, {}, site.parent / "cache", said.append)
    assert {name for name in names(site) if name.endswith(".br")} == {"deep/er/style.CSS.br"}
    assert any("Compressed copies of 1 file for" in line for line in said)
