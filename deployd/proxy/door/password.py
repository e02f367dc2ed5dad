"""Passwords as scrypt hashes, in the form `scrypt:SALT:HASH` (hexadecimal)."""

import hashlib
import hmac
import secrets

_COST = 2**14  # about 50 ms and 16 MiB
_BLOCK = 8
_BYTES = 32

NOBODY = f"scrypt:{'0' * 32}:{'0' * 64}"
"""Takes as long to compare with as any, so that unknown users are not told apart; fits no password."""


def hash_password(password: bytes) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt:{salt.hex()}:{_scrypt(password, salt).hex()}"


def password_fits(password: bytes, stored: str) -> bool:
    """Costs as much as making the hash did: for a thread."""
    _, salt, expected = stored.split(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)), bytes.fromhex(expected))


def _scrypt(password: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=_COST, r=_BLOCK, p=1, dklen=_BYTES)
