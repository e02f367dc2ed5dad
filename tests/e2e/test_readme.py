"""The README's "Run it", typed word for word on a bare Debian: its shell blocks between two marks. Run by `make fresh`.

The README writes `<!-- tried on a bare Debian: begin -->` and `end` around them; they start in a clone, as root.
"""

import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.bare_root import bare_root
from tests.support.clone import clone_into

pytestmark = [pytest.mark.bare, pytest.mark.e2e, pytest.mark.timeout(900)]

_README = Path(__file__).resolve().parents[2] / "README.md"
_PAGE = "http://127.0.0.1:9001/logs"
_SECONDS = 300.0


def shell_blocks(text: str) -> list[str]:
    marked = re.findall(r"<!-- tried on a bare Debian: begin -->(.*?)<!-- tried on a bare Debian: end -->", text, re.S)
    return [block for part in marked for block in re.findall(r"^```sh\n(.*?)^```$", part, re.S | re.M)]


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_commands_of_the_readme_lead_to_a_served_page(
    suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = shell_blocks(_README.read_text())
    assert blocks, "The README marks no commands."
    assert not _serves(), "Something serves port 9001 of this machine, which the README's deployd shall."
    with bare_root(suite) as root, (tmp_path / "output").open("wb") as output:
        clone_into(root, "/root/deployd", "root")
        began = time.monotonic()
        script = ["bash", "-eu", "-c", "\n".join(blocks)]
        argv = root.argv(script, cwd="/root/deployd", env={"DEBIAN_FRONTEND": "noninteractive"})
        typed = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            while not _serves():
                said = (tmp_path / "output").read_text()
                assert typed.poll() in (None, 0), said
                assert time.monotonic() - began < _SECONDS, said
                time.sleep(0.2)
        finally:
            typed.kill()
            typed.wait()
        with capsys.disabled():
            print(f"\nThe README on {suite}: {time.monotonic() - began:.1f} s until the page is served")


def _serves() -> bool:
    try:
        with urllib.request.urlopen(_PAGE, timeout=10) as answer:
            return bool(answer.status == 200 and b"<script" in answer.read())
    except (urllib.error.URLError, OSError):
        return False
