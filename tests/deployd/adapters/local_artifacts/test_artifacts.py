"""Packing and unpacking real folders, and archives made to do harm."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.domain.errors import BuildFailed, NotFound, StartFailed


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "store")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The x-bit, a link inside, a link to an interpreter, an empty folder, an empty file, a name beyond ASCII."""
    folder = tmp_path / "project"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "deep/er/page.html").write_text("page")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o4750)
    (folder / "größe.txt").touch()
    (folder / "deep/link").symlink_to("../run")
    (folder / "python").symlink_to("/usr/bin/python3")
    return folder


def seen(folder: Path) -> dict[str, object]:
    """Each path with what it is."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            found[name] = "folder" if path.is_dir() else (path.read_bytes(), oct(path.stat().st_mode & 0o7777))
    return found


async def test_what_was_packed_comes_back_with_only_the_x_bit_of_its_mode(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    await store.unpack(await store.pack(project), tmp_path / "release")
    assert seen(tmp_path / "release") == {
        "deep": "folder",
        "deep/er": "folder",
        "deep/er/page.html": (b"page", "0o644"),
        "deep/link": "-> ../run",
        "empty": "folder",
        "größe.txt": (b"", "0o644"),
        "python": "-> /usr/bin/python3",
        "run": (b"#!/bin/sh\n", "0o755"),
    }


async def test_the_digest_depends_on_content_names_and_x_bits_alone(store: LocalArtifacts, project: Path) -> None:
    first = await store.pack(project)
    os.utime(project / "run", (1, 1))
    (project / "deep/er/page.html").chmod(0o600)
    (project / "z").touch()
    (project / "z").unlink()
    assert await store.pack(project) == first
    (project / "run").chmod(0o644)
    assert await store.pack(project) != first


async def test_the_name_is_the_hash_of_the_file(store: LocalArtifacts, project: Path, tmp_path: Path) -> None:
    digest = await store.pack(project)
    [kept] = (tmp_path / "store").iterdir()
    assert kept.name == f"{digest}.tar.zst"
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("target", ["deep/../run", "deep/er/../../../outside", "/usr/lib/../bin/python3"])
async def test_a_link_with_a_way_back_in_its_middle_is_refused_since_a_link_may_lie_before_it(
    store: LocalArtifacts, project: Path, target: str
) -> None:
    (project / "deep/bad").symlink_to(target)
    with pytest.raises(BuildFailed, match=r"goes back by \.\. after a folder's name, at .*; make it a direct one"):
        await store.pack(project)


@pytest.mark.parametrize("target", ["/etc/shadow", "../outside", "deep/../../outside", "/usr/../etc/shadow", "/usr"])
async def test_a_link_out_of_the_project_is_refused_when_packing(
    store: LocalArtifacts, project: Path, tmp_path: Path, target: str
) -> None:
    (project / "bad").symlink_to(target)
    with pytest.raises(BuildFailed, match="the link bad points outside the project"):
        await store.pack(project)
    assert list((tmp_path / "store").iterdir()) == []


async def test_a_project_that_is_itself_a_link_is_refused(store: LocalArtifacts, project: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(project)
    with pytest.raises(BuildFailed, match="cannot be packed"):
        await store.pack(tmp_path / "alias")


async def test_pipes_and_sockets_are_left_out(store: LocalArtifacts, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    os.mkfifo(tmp_path / "project/pipe")
    await store.unpack(await store.pack(tmp_path / "project"), tmp_path / "release")
    assert seen(tmp_path / "release") == {}


async def test_a_damaged_artifact_is_refused_and_leaves_nothing(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    digest = await store.pack(project)
    kept = tmp_path / "store" / f"{digest}.tar.zst"
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    with pytest.raises(StartFailed, match="does not match its digest"):
        await store.unpack(digest, tmp_path / "releases" / "v1")
    assert list((tmp_path / "releases").iterdir()) == []


async def test_an_artifact_that_is_not_kept_is_named(store: LocalArtifacts, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not kept any more"):
        await store.unpack("0" * 64, tmp_path / "releases" / "v1")
    with pytest.raises(NotFound, match="not the digest"):
        await store.unpack("../../etc/passwd", tmp_path / "releases" / "v1")
    assert list((tmp_path / "releases").iterdir()) == []


def member(name: str, content: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.size = len(content)
    for field, value in fields.items():
        setattr(header, field, value)
    return header, content


Members = list[tuple[tarfile.TarInfo, bytes]]
_HARMFUL: dict[str, Callable[[], Members]] = {
    "parent": lambda: [member("../outside")],
    "absolute": lambda: [member("/tmp/outside")],
    "parent inside": lambda: [member("a", b"", type=tarfile.DIRTYPE), member("a/../../outside")],
    "link out": lambda: [member("link", b"", type=tarfile.SYMTYPE, linkname="../outside")],
    "absolute link": lambda: [member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
    "through a link": lambda: [
        member("link", b"", type=tarfile.SYMTYPE, linkname="/usr/lib"),
        member("link/outside"),
    ],
    "hard link": lambda: [member("link", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
    "device": lambda: [member("null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "twice": lambda: [member("file"), member("file")],
    "file as folder": lambda: [member("file"), member("file/inside")],
}


@pytest.mark.parametrize("harm", _HARMFUL)
async def test_an_archive_made_to_do_harm_is_refused_and_leaves_nothing(
    store: LocalArtifacts, tmp_path: Path, harm: str
) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for header, content in _HARMFUL[harm]():
            tar.addfile(header, io.BytesIO(content))
    packed = zstandard.compress(plain.getvalue())
    digest = hashlib.sha256(packed).hexdigest()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / f"{digest}.tar.zst").write_bytes(packed)
    with pytest.raises(StartFailed):
        await store.unpack(digest, tmp_path / "releases" / "v1")
    assert list((tmp_path / "releases").iterdir()) == []
    assert not (tmp_path / "outside").exists()


async def test_what_a_crash_left_half_unpacked_is_cleared_by_the_next_attempt(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    digest = await store.pack(project)
    half = tmp_path / "releases" / ".unfinished-v1"
    (half / "deep").mkdir(parents=True)
    (half / "stale").touch()
    await store.unpack(digest, tmp_path / "releases" / "v1")
    assert [path.name for path in (tmp_path / "releases").iterdir()] == ["v1"]
    assert not (tmp_path / "releases/v1/stale").exists()


async def test_a_folder_in_use_is_never_unpacked_over(store: LocalArtifacts, project: Path, tmp_path: Path) -> None:
    digest = await store.pack(project)
    await store.unpack(digest, tmp_path / "release")
    with pytest.raises(StartFailed, match="is not empty"):
        await store.unpack(digest, tmp_path / "release")
    assert (tmp_path / "release/deep/er/page.html").read_text() == "page"


async def test_keeping_some_deletes_the_others_and_what_a_crash_left(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    old = await store.pack(project)
    (project / "new").write_text("new")
    new = await store.pack(project)
    folder = tmp_path / "store"
    (folder / ".unfinished-abc").write_bytes(b"12345")
    (folder / "notes.txt").touch()
    size = (folder / f"{old}.tar.zst").stat().st_size
    assert await LocalArtifacts(folder).keep_only({new}) == size + 5
    assert sorted(path.name for path in folder.iterdir()) == sorted([f"{new}.tar.zst", "notes.txt"])


async def test_what_was_just_packed_is_spared_once_for_its_release_is_still_to_be_noted(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    digest = await store.pack(project, ["deep"])
    assert await store.keep_only(set()) == 0
    await store.unpack(digest, tmp_path / "release")
    assert await store.keep_only(set()) > 0
    assert list((tmp_path / "store").iterdir()) == []
