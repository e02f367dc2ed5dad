"""npm for a host that has neither node nor Python: from the files of the registry."""

import re
import subprocess
from pathlib import Path

import pytest

from deployd.builders.toolchains import npm_client
from deployd.builders.toolchains.machine import architecture
from deployd.builders.toolchains.npm_client import fetch_npm
from deployd.domain.errors import ProviderUnavailable
from tests.support.npm_registry import NpmRegistry, npm_registry

NODE = f"node-linux-{architecture('node')}"


class Tampered(NpmRegistry):
    """Its documents promise other bytes than it gives."""

    def document(self, name: str) -> dict[str, object]:
        found = super().document(name)
        for one in found["versions"].values():  # type: ignore[attr-defined]
            one["dist"]["integrity"] = "sha512-AAAA"
        return found


async def test_the_newest_node_of_the_line_comes_with_the_npm_that_belongs_to_it(tmp_path: Path) -> None:
    async with npm_registry() as registry:
        registry.add(NODE, "22.11.0", "24.1.0", "24.14.0", "25.0.0", program="node")
        registry.add("npm", "10.9.2", "11.4.0", program="npm-cli.js")
        await fetch_npm(registry.env, tmp_path)
    assert printed(tmp_path / "bin") == "v24.14.0\nv10.9.2\n"


async def test_a_file_that_is_not_what_the_registry_promised_is_refused(tmp_path: Path) -> None:
    async with npm_registry(Tampered()) as registry:
        registry.add(NODE, "24.14.0", program="node")
        with pytest.raises(ProviderUnavailable, match="is not the file that the registry names: its hash differs"):
            await fetch_npm(registry.env, tmp_path)
    assert not (tmp_path / "bin").exists()


async def test_a_registry_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProviderUnavailable, match=r"could not be fetched from http://127\.0\.0\.1:9: "):
        await fetch_npm({"npm_config_registry": "http://127.0.0.1:9/"}, tmp_path)


async def test_where_no_registry_is_named_it_is_npms_own_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm_client, "_DEFAULT", tmp_path / "npm_registry.txt")
    with pytest.raises(ProviderUnavailable, match="install npm, or set NPM_CONFIG_REGISTRY"):
        await fetch_npm({}, tmp_path)
    (tmp_path / "npm_registry.txt").write_text("http://127.0.0.1:9/\n")
    with pytest.raises(ProviderUnavailable, match=r"could not be fetched from http://127\.0\.0\.1:9: "):
        await fetch_npm({}, tmp_path)


def test_npms_own_default_is_written_down_whatever_the_settings_here() -> None:
    """By make, and when deployd is packed."""
    assert re.fullmatch(r"https://[a-z.]+/\n", npm_client._DEFAULT.read_text())


def printed(programs: Path) -> str:
    env = {"PATH": f"{programs}:/usr/bin:/bin"}
    return subprocess.run(["sh", "-c", "node; npm"], env=env, capture_output=True, text=True, check=True).stdout
