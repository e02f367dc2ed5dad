"""The old process's half, with a real new one."""

import os
import socket
from pathlib import Path

import psutil
import pytest

from deployd.domain.errors import DeploydError
from deployd.handover import Heir


def a_config(folder: Path, text: str = '[server]\ndata_dir = "data"\n') -> Path:
    (folder / "deployd.toml").write_text(text)
    return folder / "deployd.toml"


async def test_an_heir_that_dies_does_not_take_over_and_leaves_nothing(tmp_path: Path) -> None:
    heir = await Heir.start(a_config(tmp_path), os.environ)
    psutil.Process(heir.pid).kill()
    with socket.socket() as anything:
        assert await heir.take(anything.fileno(), []) is False
    await heir.dismiss()
    assert not psutil.pid_exists(heir.pid)
    assert not (tmp_path / "data" / "deployd.db").exists()


async def test_an_heir_that_cannot_read_its_configuration_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeploydError, match="did not get ready"):
        await Heir.start(a_config(tmp_path, "[nonsense]\n"), os.environ)
