"""An app's own private key, where ssh finds it and no disk ever does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from deployd.domain.secret import Secret


@contextmanager
def ssh_key(key: Secret | None) -> Iterator[str | None]:
    """The file that holds it meanwhile: memory of this process, named by its pid since ssh closes what it inherits.

    ssh wants it readable by its user alone, and with a line end at the end.
    """
    if key is None:
        yield None
        return
    file = os.memfd_create("ssh-key")
    try:
        os.fchmod(file, 0o600)
        os.write(file, "\n".join([*key.reveal().strip().splitlines(), ""]).encode())
        yield f"/proc/{os.getpid()}/fd/{file}"
    finally:
        os.close(file)
