"""What kind of machine this is, as the packages of the npm registry call it."""

import platform
from pathlib import Path

from deployd.domain.errors import BuildFailed

_CALLED = {
    "x86_64": {"node": "x64", "bun": "x64", "deno": "x64"},
    "aarch64": {"node": "arm64", "bun": "aarch64", "deno": "arm64"},
}


def architecture(tool: str) -> str:
    """Blocks for a moment. BuildFailed on a machine that the tool's makers have no programs for."""
    machine = platform.machine()
    try:
        called = _CALLED[machine].get(tool, "")
    except KeyError:
        raise BuildFailed(f"There is no {tool} for {machine} in the npm registry: install it on this host.") from None
    return f"{called}-baseline" if tool == "bun" and machine == "x86_64" and not _has_avx2() else called


def _has_avx2() -> bool:
    return "avx2" in Path("/proc/cpuinfo").read_text().split()
