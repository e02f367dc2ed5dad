"""Who certifies that a name is ours (ACME, RFC 8555)."""

from collections.abc import Sequence
from typing import Protocol

from deployd.domain.certificate import Account, ChallengeKind, RenewalWindow
from deployd.domain.errors import ProviderUnavailable
from deployd.domain.secret import Secret
from deployd.ports.challenge_board import ChallengeBoard


class OrderLost(ProviderUnavailable):
    """The authority has given the order up or forgotten it: it has to be placed anew."""


class CertificateAuthority(Protocol):
    """Every call has a deadline. ProviderUnavailable says what went wrong, and from when on it may be tried again."""

    @property
    def directory(self) -> str: ...

    def new_key(self) -> Secret:
        """A private key, for an account or a certificate, as PEM."""
        ...

    async def register(self, account: Account) -> None:
        """Makes the account known, unless it is; all orders after it are the account's."""
        ...

    async def place(self, name: str, replaces: str | None) -> str:
        """The address of a new order; `replaces` is the chain of the certificate that it follows."""
        ...

    async def complete(self, order: str, key: Secret, board: ChallengeBoard, kinds: Sequence[ChallengeKind]) -> str:
        """Proves what is to be proven, by the first of `kinds` on offer; the chain (PEM). Goes on where it had been.

        Raises OrderLost when only a new order helps.
        """
        ...

    async def renewal_window(self, chain: str) -> RenewalWindow | None:
        """None when the authority has no opinion."""
        ...

    async def close(self) -> None: ...
