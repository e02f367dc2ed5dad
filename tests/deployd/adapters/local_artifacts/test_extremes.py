"""Names, sizes and moments that are rare: packing and unpacking hold there too."""

import asyncio
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from tests.deployd.adapters.local_artifacts.test_artifacts import seen

MB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "store")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Names that other programs stumble over, and the lengths at which headers change their form."""
    folder = tmp_path / "odd"
    folder.mkdir()
    names = [
        b"-rf",
        b"new\nline",
        b"caf\xe9",
        b"\xff\xfe",
        b" ",
        "日本".encode(),
        b"back\\slash",
        b"c:",
        b"...",
        b"\x7f",
    ]
    names += [b"n" * length for length in (98, 99, 100, 101, 255)]
    for name in names:
        (folder / os.fsdecode(name)).write_bytes(name)
        (folder / os.fsdecode(b"l" + name[:254])).symlink_to(os.fsdecode(name))
    deep = folder
    for letter in "abcdefgh":
        deep /= letter * 200
    deep.mkdir(parents=True)
    (deep / "file").write_text("deep")
    for size in (1, 511, 512, 513, MB - 1, MB, MB + 1, 3 * MB + 7):
        (folder / f"of {size} bytes").write_bytes(os.urandom(size))
    return folder


@pytest.mark.parametrize("apart", [[], ["a" * 200], ["a" * 200 + "/" + "b" * 200]])
async def test_odd_names_and_sizes_come_back(
    store: LocalArtifacts, odd: Path, tmp_path: Path, apart: list[str]
) -> None:
    digest = await store.pack(odd, apart, "shop")
    assert await store.pack(odd, apart, "shop") == digest
    await store.unpack(digest, tmp_path / "release")
    assert seen(tmp_path / "release") == seen(odd)


async def test_any_tar_can_read_what_was_packed(store: LocalArtifacts, odd: Path, tmp_path: Path) -> None:
    digest = await store.pack(odd)
    packed = (tmp_path / "store" / f"{digest}.tar.zst").read_bytes()
    (tmp_path / "plain.tar").write_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(packed))
    for folder in ("by-tar", "by-tarfile"):
        (tmp_path / folder).mkdir()
    command = ["tar", "-xf", "plain.tar", "-C", "by-tar"]
    await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, check=True, timeout=30)
    with tarfile.open(tmp_path / "plain.tar") as tar:
        tar.extractall(tmp_path / "by-tarfile", filter="tar")
    assert seen(tmp_path / "by-tar") == seen(odd)
    assert seen(tmp_path / "by-tarfile") == seen(odd)


async def test_nothing_of_the_umask_is_in_a_release(odd: Path, tmp_path: Path) -> None:
    """The umask is the process's, so another one is asked."""
    script = f"""
import asyncio, os, pathlib
from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
os.umask(0o077)
async def main():
    store = LocalArtifacts(pathlib.Path({str(tmp_path / "store")!r}))
    digest = await store.pack(pathlib.Path({str(odd)!r}))
    await store.unpack(digest, pathlib.Path({str(tmp_path / "release")!r}))
asyncio.run(main())
"""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], check=True, timeout=60)
    assert seen(tmp_path / "release") == seen(odd)
    assert (tmp_path / "release" / ("a" * 200)).stat().st_mode & 0o777 == 0o755


async def test_a_full_disk_is_named_and_leaves_nothing() -> None:
    """In a mount namespace of its own, on a disk of one megabyte."""
    script = """
mount -t tmpfs -o size=1m small "$1" || exit 77
mkdir "$1/project" && head -c 600000 /dev/urandom > "$1/project/noise"
exec "$2" - "$1" <<'PYTHON'
import asyncio, pathlib, sys
from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.domain.errors import DeploydError
top = pathlib.Path(sys.argv[1])
store = LocalArtifacts(top / "store")
async def main():
    try:
        await store.pack(top / "project")
    except DeploydError as error:
        print(error, [path.name for path in (top / "store").iterdir()])
    (top / "project/noise").write_bytes(bytes(800_000))
    digest = await store.pack(top / "project")
    try:
        await store.unpack(digest, top / "releases/v1")
    except DeploydError as error:
        print(error, [path.name for path in (top / "releases").iterdir()])
asyncio.run(main())
PYTHON
"""
    with tempfile.TemporaryDirectory() as folder:
        done = await asyncio.to_thread(
            subprocess.run,
            ["unshare", "--mount", "--user", "--map-root-user", "sh", "-c", script, "sh", folder, sys.executable],
            capture_output=True,
            text=True,
            timeout=60,
        )
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        _missing(f"no mount namespace here: {done.stderr}")
    packing, unpacking = done.stdout.splitlines()
    assert packing == "The build cannot be packed: the disk is full, free some space on it. []"
    assert unpacking.endswith("cannot be unpacked: the disk is full, free some space on it. []")


def _missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough to be in the middle of it for a while."""
    folder = tmp_path / "many"
    for number in range(3_000):
        file = folder / str(number % 50) / f"{number}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"%d" % number * 500)
    (folder / "noise").write_bytes(os.urandom(24 * MB))
    return folder


def below(folder: Path) -> Iterator[str]:
    return (path.name for path in folder.iterdir()) if folder.exists() else iter(())


async def test_a_packing_that_is_cancelled_leaves_nothing(store: LocalArtifacts, many: Path, tmp_path: Path) -> None:
    task = asyncio.create_task(store.pack(many, ["1", "2"], "shop"))
    while not any(name.startswith(".unfinished-") for name in below(tmp_path / "store")):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(below(tmp_path / "store")) == []


async def test_an_unpacking_that_is_cancelled_leaves_nothing(store: LocalArtifacts, many: Path, tmp_path: Path) -> None:
    digest = await store.pack(many, ["1", "2"])
    task = asyncio.create_task(store.unpack(digest, tmp_path / "releases" / "v1"))
    while ".unfinished-v1" not in below(tmp_path / "releases"):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(below(tmp_path / "releases")) == []


async def test_memory_stays_bounded_for_a_file_of_any_size(tmp_path: Path) -> None:
    """Measured in a process of its own."""
    (tmp_path / "big").touch()
    os.truncate(tmp_path / "big", 400 * MB)
    script = f"""
import asyncio, pathlib, resource
from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
top = pathlib.Path({str(tmp_path)!r})
(top / "project").mkdir()
(top / "big").rename(top / "project/big")
async def main():
    store = LocalArtifacts(top / "store")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await store.unpack(await store.pack(top / "project"), top / "release")
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], check=True, timeout=100, capture_output=True, text=True
    )
    assert int(done.stdout) < 120
    assert (tmp_path / "release/big").stat().st_size == 400 * MB
