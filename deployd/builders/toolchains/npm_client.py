"""The npm that installs tools on a host without one: node and npm themselves, straight from the registry's files."""

import asyncio
import base64
import hashlib
import ssl
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from deployd.builders.toolchains import node_lines, npm_range
from deployd.builders.toolchains.machine import architecture
from deployd.domain.errors import ProviderUnavailable

if TYPE_CHECKING:
    import aiohttp

NODE = "24"
_DEFAULT = Path(__file__).with_name("npm_registry.txt")
"""npm's own default, written down when deployd is set up or packed: packaging/page.py asks npm for it."""
_ABBREVIATED = "application/vnd.npm.install-v1+json"
_MOST_BYTES = 256 << 20
_CHUNK = 256 << 10


class _Dist(msgspec.Struct, frozen=True):
    tarball: str
    integrity: str


class _Version(msgspec.Struct, frozen=True):
    dist: _Dist


class _Document(msgspec.Struct, frozen=True):
    versions: dict[str, _Version]


async def fetch_npm(env: Mapping[str, str], tree: Path) -> None:
    """`bin/node` and `bin/npm` in the tree. `env` names the registry as npm's own settings do. ProviderUnavailable."""
    import aiohttp

    settings = {key.lower(): value for key, value in env.items()}
    named = settings.get("npm_config_registry")
    registry = (named if named else await asyncio.to_thread(_default_registry)).rstrip("/")
    tls = ssl.create_default_context()
    if authorities := settings.get("npm_config_cafile") or settings.get("node_extra_ca_certs"):
        await asyncio.to_thread(tls.load_verify_locations, authorities)
    node = f"node-linux-{await asyncio.to_thread(architecture, 'node')}"
    try:
        async with aiohttp.ClientSession(trust_env=True, connector=aiohttp.TCPConnector(ssl=tls)) as session:
            version = await _fetch(session, f"{registry}/{node}", NODE, tree / "node")
            await _fetch(session, f"{registry}/npm", node_lines.npm_of(version), tree / "npm")
    except (aiohttp.ClientError, OSError, msgspec.DecodeError, tarfile.TarError) as error:
        reason = str(error) or type(error).__name__
        raise ProviderUnavailable(f"node and npm could not be fetched from {registry}: {reason}.") from error
    await asyncio.to_thread(_link, tree)


def _default_registry() -> str:
    try:
        return _DEFAULT.read_text().strip()
    except OSError:
        raise ProviderUnavailable(
            "There is no npm on this host, and no registry is named where one could be had: install npm, or set "
            "NPM_CONFIG_REGISTRY in the environment of deployd."
        ) from None


async def _fetch(session: "aiohttp.ClientSession", package: str, wanted: str, folder: Path) -> str:
    """The version: the newest that fits."""
    async with session.get(package, headers={"Accept": _ABBREVIATED}) as answer:
        answer.raise_for_status()
        document = await asyncio.to_thread(msgspec.json.decode, await answer.read(), type=_Document)
    version = await asyncio.to_thread(npm_range.newest, wanted, document.versions)
    if version is None:
        raise ProviderUnavailable(f"{package} has no version {wanted}.")
    dist = document.versions[version].dist
    packed = folder.with_suffix(".tgz")
    await _download(session, dist, packed)
    await asyncio.to_thread(_unpack, packed, folder)
    return version


async def _download(session: "aiohttp.ClientSession", dist: _Dist, target: Path) -> None:
    """The file is what the registry's document promised, or ProviderUnavailable."""
    kind, _, expected = dist.integrity.partition("-")
    digest, size = hashlib.sha512(), 0
    async with session.get(dist.tarball) as answer:
        answer.raise_for_status()
        with target.open("wb") as file:
            async for chunk in answer.content.iter_chunked(_CHUNK):
                size += len(chunk)
                if size > _MOST_BYTES:
                    raise ProviderUnavailable(f"{dist.tarball} is larger than {_MOST_BYTES >> 20} MiB.")
                digest.update(chunk)
                file.write(chunk)
    if (kind, expected) != ("sha512", base64.b64encode(digest.digest()).decode()):
        raise ProviderUnavailable(f"{dist.tarball} is not the file that the registry names: its hash differs.")


def _unpack(packed: Path, folder: Path) -> None:
    """Plain files only, below the folder only: a package of npm holds nothing else."""
    with tarfile.open(packed) as tar:
        for member in tar:
            inside = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            content = tar.extractfile(member) if member.isfile() and ".." not in inside.parts else None
            if content is None:
                continue
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as file:
                while chunk := content.read(_CHUNK):
                    file.write(chunk)
            target.chmod(0o755 if member.mode & 0o100 or inside.parts[:1] == ("bin",) else 0o644)
    packed.unlink()


def _link(tree: Path) -> None:
    (tree / "bin").mkdir()
    (tree / "bin" / "node").symlink_to("../node/bin/node")
    (tree / "bin" / "npm").symlink_to("../npm/bin/npm-cli.js")
