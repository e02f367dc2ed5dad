"""What an artifact is made of, where it has more parts than one: a small file named for its own hash."""

import hashlib
from typing import Annotated

import msgspec

from deployd.adapters.local_artifacts.tar_blocks import BadArtifact

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Piece(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part's folder in the whole and the name of its archive."""

    at: str
    digest: Digest


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rest of the whole comes first: the other parts have their places in it."""

    parts: tuple[Piece, ...]


def write_manifest(manifest: Manifest) -> tuple[str, bytes]:
    """The digest and what to write: equal parts give equal bytes."""
    text = msgspec.json.encode(manifest) + b"\n"
    return hashlib.sha256(text).hexdigest(), text


def read_manifest(digest: str, text: bytes) -> Manifest:
    """BadArtifact when it is not what was written under that digest."""
    if hashlib.sha256(text).hexdigest() != digest:
        raise BadArtifact("its content does not match its digest")
    try:
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError:
        raise BadArtifact("its list of parts cannot be read") from None
