"""What every artifact store must do, run on the one there is."""

from pathlib import Path

import pytest

from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.domain.errors import NotFound
from deployd.ports.artifact_store import ArtifactStore


@pytest.fixture(params=["local"])
def store(tmp_path: Path) -> ArtifactStore:
    return LocalArtifacts(tmp_path / "store")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "packages/left").mkdir(parents=True)
    (folder / "index.js").write_text("main")
    (folder / "packages/left/index.js").write_text("left")
    return folder


WAYS = [((), ""), (("packages",), ""), (("packages",), "shop")]


@pytest.mark.parametrize(("apart", "memory"), WAYS)
async def test_what_was_packed_comes_back(
    store: ArtifactStore, project: Path, tmp_path: Path, apart: tuple[str, ...], memory: str
) -> None:
    digest = await store.pack(project, apart, memory)
    (project / "index.js").write_text("changed")
    changed = await store.pack(project, apart, memory)
    for name, text in ((digest, "main"), (changed, "changed")):
        await store.unpack(name, tmp_path / name)
        assert (tmp_path / name / "index.js").read_text() == text
        assert (tmp_path / name / "packages/left/index.js").read_text() == "left"


@pytest.mark.parametrize(("apart", "memory"), WAYS)
async def test_equal_folders_have_equal_digests(
    store: ArtifactStore, project: Path, apart: tuple[str, ...], memory: str
) -> None:
    assert await store.pack(project, apart, memory) == await store.pack(project, apart, memory)


@pytest.mark.parametrize(("apart", "memory"), WAYS)
async def test_only_what_is_kept_can_be_unpacked(
    store: ArtifactStore, project: Path, tmp_path: Path, apart: tuple[str, ...], memory: str
) -> None:
    first = await store.pack(project, apart, memory)
    (project / "index.js").write_text("changed")
    second = await store.pack(project, apart, memory)
    await store.keep_only({first, second})
    assert await store.keep_only({second}) > 0
    with pytest.raises(NotFound):
        await store.unpack(first, tmp_path / "first")
    await store.unpack(second, tmp_path / "second")
    assert await store.keep_only({second}) == 0
