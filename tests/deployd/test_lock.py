import subprocess
import sys
from pathlib import Path

import pytest

from deployd.domain.errors import UserMistake
from deployd.lock import only_one

_HOLDER = """
import sys
from pathlib import Path
from deployd.lock import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_named_the_first(tmp_path: Path) -> None:
    file = tmp_path / "deployd.lock"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UserMistake, match=f"process {holder.pid}"), only_one(file):
            pass
        holder.kill()
        holder.wait()
    with only_one(file):
        assert file.read_text().strip().isdigit()


def test_a_lock_that_cannot_be_opened_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match="cannot be opened: Is a directory"), only_one(tmp_path):
        pass
