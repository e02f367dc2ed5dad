"""The user's own certificate files."""

import asyncio
import os
from pathlib import Path

import pytest

from deployd.config import CertificateFiles
from deployd.proxy.tls.own_files import OwnFiles
from tests.support.certificate_maker import CertificateMaker, Made

MAKER = CertificateMaker()


def write(folder: Path, made: Made) -> CertificateFiles:
    files = CertificateFiles(cert=str(folder / "shop.pem"), key=str(folder / "shop.key"))
    Path(files.cert).write_text(made.chain)
    Path(files.key).touch(mode=0o600)
    Path(files.key).write_text(made.key)
    return files


async def test_a_pair_is_read_with_the_names_it_is_for(tmp_path: Path) -> None:
    own = OwnFiles([write(tmp_path, MAKER.make("a.example.com", "*.b.example.com"))])
    (certificate,), problems = await own.read()
    assert (certificate.names, problems) == (("a.example.com", "*.b.example.com"), [])


def _break_cert(files: CertificateFiles) -> None:
    Path(files.cert).write_text("nothing of the kind")


def _foreign_key(files: CertificateFiles) -> None:
    Path(files.key).write_text(MAKER.make("a.example.com").key)


def _open_key(files: CertificateFiles) -> None:
    Path(files.key).chmod(0o644)


def _no_key(files: CertificateFiles) -> None:
    Path(files.key).unlink()


def _binary(files: CertificateFiles) -> None:
    Path(files.cert).write_bytes(b"\x30\x82\xff\xfe")


def _no_names(files: CertificateFiles) -> None:
    made = MAKER.make()
    Path(files.cert).write_text(made.chain)
    Path(files.key).write_text(made.key)


BROKEN = [
    pytest.param(_break_cert, "it is not a certificate in PEM form", id="no certificate"),
    pytest.param(_foreign_key, "the key does not belong to the certificate", id="another's key"),
    pytest.param(_open_key, "everybody on this machine can read its key: chmod 600", id="open key"),
    pytest.param(_no_key, "shop.key cannot be read", id="no key"),
    pytest.param(_binary, "not text in PEM form", id="binary"),
    pytest.param(_no_names, "names no host", id="no names"),
]


@pytest.mark.parametrize(("spoil", "reason"), BROKEN)
async def test_what_cannot_be_served_is_said_and_the_last_good_one_kept(
    tmp_path: Path, spoil: object, reason: str
) -> None:
    files = write(tmp_path, MAKER.make("a.example.com"))
    own = OwnFiles([files])
    before, _ = await own.read()
    assert callable(spoil)
    spoil(files)
    after, (problem,) = await own.read()
    assert after == before
    assert problem.startswith(f"The certificate {files.cert} cannot be served: ")
    assert reason in problem
    nothing, _ = await OwnFiles([files]).read()
    assert nothing == []


async def test_a_renewal_is_noticed_also_when_links_are_replaced(tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    made = [MAKER.make("a.example.com"), MAKER.make("a.example.com")]
    pairs = []
    for number, one in enumerate(made):
        folder = tmp_path / f"archive{number}"
        folder.mkdir()
        pairs.append(write(folder, one))
    _link(live, pairs[0])
    own = OwnFiles([CertificateFiles(cert=str(live / "shop.pem"), key=str(live / "shop.key"))])
    (first,), _ = await own.read()
    changes = own.changes()
    noticed = asyncio.ensure_future(anext(changes))
    async with asyncio.timeout(20):
        while not noticed.done():
            _link(live, pairs[1])
            await asyncio.wait({noticed}, timeout=0.5)
    await changes.aclose()  # type: ignore[attr-defined]
    (second,), _ = await own.read()
    assert (first.chain, second.chain) == (made[0].chain, made[1].chain)


def _link(folder: Path, pair: CertificateFiles) -> None:
    for name, target in (("shop.pem", pair.cert), ("shop.key", pair.key)):
        os.symlink(target, folder / f"new-{name}")
        os.replace(folder / f"new-{name}", folder / name)


async def test_without_files_there_is_nothing_to_watch() -> None:
    assert [change async for change in OwnFiles([]).changes()] == []
