"""Where it is kept who we are to authorities, what was ordered and what was issued: all keys encrypted."""

from typing import Protocol

from deployd.domain.certificate import Account, Issued, Order


class CertificateStore(Protocol):
    async def account(self, directory: str) -> Account | None: ...

    async def add_account(self, account: Account, now_ms: int) -> Account:
        """The account to use: the one that was there first."""
        ...

    async def orders(self) -> list[Order]:
        """All there are, by name."""
        ...

    async def put_order(self, order: Order, now_ms: int) -> None:
        """Takes the place of the order for the same name."""
        ...

    async def drop_order(self, name: str) -> None: ...

    async def certificates(self) -> list[Issued]:
        """All there are, by name."""
        ...

    async def issue(self, issued: Issued) -> None:
        """Keeps the certificate and ends its name's order, in one step."""
        ...

    async def reschedule(self, name: str, renew_ms: int, ask_ms: int) -> None:
        """Writes down what the authority says about the certificate's renewal."""
        ...

    async def drop_certificate(self, name: str) -> None: ...
