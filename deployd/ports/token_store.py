"""Where API tokens are kept, as SHA-256 hashes."""

from typing import Protocol

import msgspec


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    created_ms: int
    used_ms: int | None = None


class TokenStore(Protocol):
    async def create(self, name: str, now_ms: int) -> str:
        """The token's text, shown this once. UserMistake when the name is taken."""
        ...

    async def verify(self, text: str, now_ms: int) -> str | None:
        """The token's name, or None; notes the time of use at most once a minute."""
        ...

    async def all(self) -> list[ApiToken]: ...

    async def revoke(self, name: str) -> None:
        """Raises NotFound."""
        ...
