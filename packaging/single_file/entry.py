"""Where the single file starts: sets right what its starter changed, and holds on to the folder it was unpacked to."""

import fcntl
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

_UNFINISHED_SECONDS = 3600.0
_HOME = Path(sys.executable).parent
_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep the roots that they trust. OpenSSL itself looks where it was built to."""


def restore_environment() -> None:
    """What we start (git, builds, apps) must not load our libraries, and a next deployd must not take ours for its."""
    original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if original is not None:
        os.environ["LD_LIBRARY_PATH"] = original
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]


def find_authorities() -> None:
    if not {"SSL_CERT_FILE", "SSL_CERT_DIR"} & set(os.environ):
        found = next((path for path in _AUTHORITIES if os.path.exists(path)), None)
        if found is not None:
            os.environ["SSL_CERT_FILE"] = found


def hold(folder: Path) -> int:
    """As long as this process lives, nobody deletes the folder. It is closed when a program is started."""
    descriptor = os.open(folder / "deployd", os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def forget_others(base: Path) -> None:
    """Deletes the other versions that no process runs from."""
    for folder in base.iterdir():
        if folder == _HOME or not folder.is_dir():
            continue
        with suppress(OSError):
            if folder.name.startswith(".new-"):
                if time.time() - folder.stat().st_mtime > _UNFINISHED_SECONDS:
                    shutil.rmtree(folder)
                continue
            descriptor = os.open(folder / "deployd", os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)


if __name__ == "__main__":
    restore_environment()
    find_authorities()
    held = hold(_HOME)
    if os.environ.pop("DEPLOYD_UNPACKED", None):
        forget_others(_HOME.parent)
    from deployd.__main__ import main

    main()
