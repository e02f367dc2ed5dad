"""Requests to an ACME authority, signed with the account's key (RFC 7515, 7638; RFC 8555 section 6.2)."""

import base64
import hashlib
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from deployd.domain.secret import Secret

_BYTES = 32


class Signer:
    """Signs with ES256. `kid` is the account's address once it is known; before, the key itself goes along."""

    def __init__(self, key: Secret) -> None:
        loaded = serialization.load_pem_private_key(key.reveal().encode(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise TypeError("an ACME account's key is on the curve P-256 here")
        self._key = loaded
        point = loaded.public_key().public_numbers()
        self._jwk = {"crv": "P-256", "kty": "EC", "x": _number(point.x), "y": _number(point.y)}
        self.thumbprint = b64(hashlib.sha256(msgspec.json.encode(self._jwk)).digest())  # Its keys are in order.
        self.kid: str | None = None

    def sign(self, url: str, nonce: str, payload: object) -> bytes:
        """The body to POST; without a payload (None) it is a POST-as-GET."""
        who: dict[str, Any] = {"jwk": self._jwk} if self.kid is None else {"kid": self.kid}
        protected = b64(msgspec.json.encode({"alg": "ES256", "nonce": nonce, "url": url, **who}))
        text = "" if payload is None else b64(msgspec.json.encode(payload))
        r, s = decode_dss_signature(self._key.sign(f"{protected}.{text}".encode(), ec.ECDSA(hashes.SHA256())))
        signature = b64(r.to_bytes(_BYTES, "big") + s.to_bytes(_BYTES, "big"))
        return msgspec.json.encode({"protected": protected, "payload": text, "signature": signature})


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return b64(value.to_bytes(_BYTES, "big"))
