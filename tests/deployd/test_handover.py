"""The old process's half, with a real new one."""

import asyncio
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


def is_running(pid: int) -> bool:
    """Whoever adopted it may not have taken note of its end yet."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_an_heir_is_nobodys_child_but_the_adopters_of_orphans(tmp_path: Path) -> None:
    """systemd adopts them: it finishes only what is its own child, and kills at once what is not."""
    heir = await Heir.start(a_config(tmp_path), os.environ)
    assert psutil.Process(heir.pid).ppid() != os.getpid()
    assert heir.pid not in [one.pid for one in psutil.Process().children(recursive=True)]
    await heir.dismiss()


async def test_an_heir_that_is_dead_when_it_is_to_take_over_does_not(tmp_path: Path) -> None:
    heir = await Heir.start(a_config(tmp_path), os.environ)
    psutil.Process(heir.pid).kill()
    while is_running(heir.pid):
        await asyncio.sleep(0.01)
    with socket.socket() as anything:
        assert await heir.take(anything.fileno(), []) is False
    await heir.dismiss()


async def test_an_heir_that_dies_does_not_take_over_and_leaves_nothing(tmp_path: Path) -> None:
    heir = await Heir.start(a_config(tmp_path), os.environ)
    psutil.Process(heir.pid).kill()
    with socket.socket() as anything:
        assert await heir.take(anything.fileno(), []) is False
    await heir.dismiss()
    assert not is_running(heir.pid)
    assert not (tmp_path / "data" / "deployd.db").exists()


async def test_an_heir_that_cannot_read_its_configuration_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeploydError, match="did not get ready"):
        await Heir.start(a_config(tmp_path, "[nonsense]\n"), os.environ)
