"""The key that env is encrypted under: a file of 32 random bytes that only its owner may read."""

import os
import secrets
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from deployd.domain.errors import StoreUnusable

_KEY_BYTES = 32
_NONCE_BYTES = 12


class MasterKey:
    """Seals with AES-256-GCM. `bound_to` is not stored: what was sealed for one place does not open in another."""

    @classmethod
    def load(cls, path: Path) -> "MasterKey":
        """Makes the file when there is none. StoreUnusable when others may read it or it is not a key. Blocks."""
        try:
            if not path.exists():
                _create(path)
            if path.stat().st_mode & 0o077:
                raise StoreUnusable(f"The master key {path} can be read by others: chmod 600 {path}")
            key = path.read_bytes()
        except OSError as error:
            raise StoreUnusable(f"The master key {path} cannot be read: {error.strerror}.") from error
        if len(key) != _KEY_BYTES:
            raise StoreUnusable(f"The master key {path} holds {len(key)} bytes, not {_KEY_BYTES}: restore it.")
        return cls(key)

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, bound_to: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """StoreUnusable when it was sealed under another key, for another place, or was changed."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError) as error:
            raise StoreUnusable(
                f"What is stored for {bound_to} does not open with this master key: restore the key it was made with."
            ) from error

    def derived(self, purpose: str) -> bytes:
        """Another key of 32 bytes, always the same for `purpose`, that tells nothing of this one (HKDF, RFC 5869)."""
        return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=f"deployd {purpose}".encode()).derive(
            self._key
        )


def _create(path: Path) -> None:
    """Whole or not at all, and never over a key that another process has just made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name) as fresh:  # Made with mode 0600.
        fresh.write(secrets.token_bytes(_KEY_BYTES))
        fresh.flush()
        os.fsync(fresh.fileno())
        try:
            os.link(fresh.name, path)
        except FileExistsError:
            return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # A key that a power cut can take away would take every env with it.
    finally:
        os.close(folder)
