"""Artifacts of several parts: what they share, what is not packed again, and how parts are held to the rules."""

import asyncio
import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.domain.errors import BuildFailed, NotFound, StartFailed
from tests.deployd.adapters.local_artifacts.test_artifacts import seen

APART = ("node_modules", "packages/ui/node_modules")


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "store")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A workspace: packages of its own and others', with links between the two."""
    folder = tmp_path / "project"
    files = {
        "index.js": "main",
        "node_modules/left/index.js": "left",
        "node_modules/left/cli": "#!/usr/bin/env node\n",
        "packages/ui/index.js": "ui",
        "packages/ui/node_modules/right/index.js": "right",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "node_modules/left/cli").chmod(0o755)
    (folder / "node_modules/.bin").mkdir()
    (folder / "node_modules/.bin/left").symlink_to("../left/cli")
    (folder / "node_modules/ui").symlink_to("../packages/ui")
    (folder / "packages/ui/node_modules/left").symlink_to("../../../node_modules/left")
    return folder


def kept(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}


def parts(tmp_path: Path, digest: str) -> dict[str, str]:
    manifest = json.loads((tmp_path / "store" / f"{digest}.json").read_text())
    return {part["at"]: part["digest"] for part in manifest["parts"]}


async def test_the_parts_come_back_as_the_whole_that_was_packed(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    digest = await store.pack(project, APART)
    await store.unpack(digest, tmp_path / "release")
    assert seen(tmp_path / "release") == seen(project)
    assert list(parts(tmp_path, digest)) == ["", "node_modules", "packages/ui/node_modules"]
    assert hashlib.sha256((tmp_path / "store" / f"{digest}.json").read_bytes()).hexdigest() == digest


async def test_a_change_of_the_rest_leaves_the_parts_as_they_were(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    first = await store.pack(project, APART)
    (project / "index.js").write_text("changed")
    second = await store.pack(project, APART)
    before, after = parts(tmp_path, first), parts(tmp_path, second)
    assert first != second
    assert [at for at in before if before[at] != after[at]] == [""]
    assert len(kept(tmp_path)) == 2 + 2 + 2


@pytest.mark.parametrize("memory", ["", "shop"])
async def test_the_same_content_gives_the_same_digest_remembered_or_not(
    store: LocalArtifacts, project: Path, memory: str
) -> None:
    first = await store.pack(project, APART)
    assert await store.pack(project, ["./node_modules/", *reversed(APART)], memory) == first
    assert await store.pack(project, APART, memory) == first


@pytest.mark.parametrize("apart", ["missing", ".", "", "../project", "/", "index.js", "linked", "node_modules/ui"])
async def test_what_is_no_folder_of_the_project_is_not_kept_apart(
    store: LocalArtifacts, project: Path, tmp_path: Path, apart: str
) -> None:
    (project / "linked").symlink_to("node_modules")
    digest = await store.pack(project, [apart])
    assert list(kept(tmp_path)) == [f"{digest}.tar.zst"]


async def test_a_folder_within_one_that_is_apart_belongs_to_it(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    digest = await store.pack(project, ["packages", "packages/ui/node_modules"])
    assert list(parts(tmp_path, digest)) == ["", "packages"]


async def test_packages_that_look_the_same_are_not_even_opened(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    """Content that changes behind an unchanged size and time is what proves it."""
    first = await store.pack(project, APART, "shop")
    file = project / "node_modules/left/index.js"
    info = file.stat()
    file.write_text("LEFT")
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert await store.pack(project, APART, "shop") == first
    assert await store.pack(project, APART, "another app") != first


@pytest.mark.parametrize("change", ["content", "x-bit", "new file", "less", "link", "archive's time"])
async def test_a_change_in_the_packages_is_always_seen(
    store: LocalArtifacts, project: Path, tmp_path: Path, change: str
) -> None:
    file, link = project / "node_modules/left/index.js", project / "node_modules/.bin/left"
    os.utime(file, (500_000_000, 500_000_000))
    first = await store.pack(project, APART, "shop")
    match change:
        case "content":
            file.write_text("LEFT")
        case "x-bit":
            file.chmod(0o755)
        case "new file":
            (file.parent / "new").touch()
        case "less":
            file.unlink()
        case "link":
            link.unlink()
            link.symlink_to("../left/index.js")
        case "archive's time":
            file.rename(tmp_path / "old")
            file.write_text("LEFT")
            os.utime(file, (500_000_000, 500_000_000))
    second = await store.pack(project, APART, "shop")
    assert second != first
    await store.unpack(second, tmp_path / "release")
    assert seen(tmp_path / "release") == seen(project)


async def test_packages_written_again_with_the_same_content_are_the_same_part(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    first = await store.pack(project, APART, "shop")
    before = {name: content for name, content in kept(tmp_path).items() if not name.endswith(".seen")}
    file = project / "node_modules/left/index.js"
    for look in (1, 2):
        file.write_text("left")
        os.utime(file, ns=(look, look))
        assert await store.pack(project, APART, "shop") == first
    assert {name: content for name, content in kept(tmp_path).items() if not name.endswith(".seen")} == before


@pytest.mark.parametrize("damage", [b"", b"garbage", bytes(100)])
async def test_a_damaged_memory_is_forgotten(
    store: LocalArtifacts, project: Path, tmp_path: Path, damage: bytes
) -> None:
    first = await store.pack(project, APART, "shop")
    for file in (tmp_path / "store").glob("*.seen"):
        file.write_bytes(damage)
    assert await store.pack(project, APART, "shop") == first


async def test_a_part_that_is_remembered_but_gone_is_packed_again(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    digest = await store.pack(project, APART, "shop")
    (tmp_path / "store" / f"{parts(tmp_path, digest)['node_modules']}.tar.zst").unlink()
    assert await store.pack(project, APART, "shop") == digest
    await store.unpack(digest, tmp_path / "release")
    assert seen(tmp_path / "release") == seen(project)


async def test_keeping_an_artifact_keeps_its_parts_and_the_memory_of_them(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    await store.pack(project, APART, "shop")
    (project / "index.js").write_text("changed")
    (project / "packages/ui/node_modules/right/index.js").write_text("changed")
    second = await store.pack(project, APART, "shop")
    other = await store.pack(project, ["packages"], "blog")
    fresh = LocalArtifacts(tmp_path / "store")
    assert await fresh.keep_only({second, other}) > 0
    assert len(kept(tmp_path)) == 1 + 3 + 2 + 1 + 2 + 1
    assert await fresh.keep_only({second}) > 0
    assert len(kept(tmp_path)) == 1 + 3 + 2
    await fresh.unpack(second, tmp_path / "release")
    assert seen(tmp_path / "release") == seen(project)


async def test_several_packings_of_the_same_parts_at_once_agree(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    async with asyncio.TaskGroup() as packings:
        tasks = [packings.create_task(store.pack(project, APART, "shop")) for _ in range(4)]
        packings.create_task(store.keep_only(set()))
    [digest] = {task.result() for task in tasks}
    await store.unpack(digest, tmp_path / "release")
    assert seen(tmp_path / "release") == seen(project)
    assert not list((tmp_path / "store").glob(".unfinished-*"))


@pytest.mark.parametrize("target", ["../../outside", "/etc/passwd", "left/../../../outside"])
async def test_a_link_of_a_part_must_stay_in_the_whole(
    store: LocalArtifacts, project: Path, tmp_path: Path, target: str
) -> None:
    (project / "node_modules/bad").symlink_to(target)
    with pytest.raises(BuildFailed, match="the link node_modules/bad points outside the project"):
        await store.pack(project, APART)
    assert list((tmp_path / "store").iterdir()) == []


async def test_a_damaged_part_or_list_of_parts_is_refused_and_leaves_nothing(
    store: LocalArtifacts, project: Path, tmp_path: Path
) -> None:
    digest = await store.pack(project, APART)
    part = parts(tmp_path, digest)["packages/ui/node_modules"]
    for name in (f"{part}.tar.zst", f"{digest}.json"):
        file = tmp_path / "store" / name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        with pytest.raises(StartFailed, match="does not match its digest"):
            await store.unpack(digest, tmp_path / "releases" / "v1")
        assert list((tmp_path / "releases").iterdir()) == []


async def test_a_missing_part_is_named(store: LocalArtifacts, project: Path, tmp_path: Path) -> None:
    digest = await store.pack(project, APART)
    (tmp_path / "store" / f"{parts(tmp_path, digest)['node_modules']}.tar.zst").unlink()
    with pytest.raises(NotFound, match="not kept any more"):
        await store.unpack(digest, tmp_path / "releases" / "v1")
    assert list((tmp_path / "releases").iterdir()) == []


@pytest.mark.parametrize("at", ["missing", "../outside", "/tmp", "packages/ui/link"])
async def test_a_part_whose_place_is_no_folder_of_the_whole_is_refused(
    store: LocalArtifacts, project: Path, tmp_path: Path, at: str
) -> None:
    (project / "packages/ui/link").symlink_to("/usr/lib")
    digest = await store.pack(project, APART)
    text = (tmp_path / "store" / f"{digest}.json").read_text().replace('"node_modules"', json.dumps(at))
    harmful = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "store" / f"{harmful}.json").write_text(text)
    with pytest.raises(StartFailed, match="has no place"):
        await store.unpack(harmful, tmp_path / "releases" / "v1")
    assert list((tmp_path / "releases").iterdir()) == []


@pytest.mark.parametrize("text", ["[]", "{", '{"parts":[{"at":"","digest":"../../etc/passwd"}]}'])
async def test_a_list_of_parts_that_cannot_be_read_is_refused(store: LocalArtifacts, tmp_path: Path, text: str) -> None:
    (tmp_path / "store").mkdir()
    digest = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "store" / f"{digest}.json").write_text(text)
    with pytest.raises(StartFailed, match="list of parts cannot be read"):
        await store.unpack(digest, tmp_path / "releases" / "v1")


async def test_artifacts_packed_with_the_standard_library_still_unpack(store: LocalArtifacts, tmp_path: Path) -> None:
    """As they were before there were parts: POSIX headers, long names and names that are no UTF-8 among them."""
    source = tmp_path / "source"
    long = "/".join(["n" * 90, "m" * 90])
    (source / long).mkdir(parents=True)
    (source / long / ("f" * 200)).write_text("deep")
    (source / "link").symlink_to(f"{long}/{'f' * 200}")
    (source / os.fsdecode(b"caf\xe9")).write_text("latin")
    plain = tmp_path / "plain.tar"
    with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar:
        for path in sorted(source.rglob("*")):
            tar.add(path, str(path.relative_to(source)), recursive=False)
    packed = zstandard.compress(plain.read_bytes())
    digest = hashlib.sha256(packed).hexdigest()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / f"{digest}.tar.zst").write_bytes(packed)
    await store.unpack(digest, tmp_path / "release")
    assert seen(tmp_path / "release") == seen(source)
