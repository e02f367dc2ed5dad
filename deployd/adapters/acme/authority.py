"""An ACME authority such as Let's Encrypt: orders, proofs and certificates (RFC 8555, 8737, 9773)."""

import asyncio
from collections.abc import Sequence

from deployd.adapters.acme.documents import AuthorizationDocument, ChallengeDocument, OrderDocument, RenewalDocument
from deployd.adapters.acme.jws import Signer
from deployd.adapters.acme.request import new_key, renewal_id, signing_request
from deployd.adapters.acme.session import AcmeSession, Answer, Refusal
from deployd.domain.certificate import Account, Challenge, ChallengeKind, RenewalWindow
from deployd.domain.errors import ProviderUnavailable
from deployd.domain.secret import Secret
from deployd.ports.certificate_authority import OrderLost
from deployd.ports.challenge_board import ChallengeBoard

_COMPLETE_SECONDS = 600.0
_FIRST_POLL_SECONDS = 0.5
_SLOWEST_POLL_SECONDS = 15.0
_ASK_AGAIN_SECONDS = 6 * 3600.0
_SHORTEST_ASK_SECONDS = 3600.0
_GONE = ("malformed", "orderNotFound", "unauthorized")


class AcmeAuthority:
    """`email` may be empty; the account agrees to the terms of service, which the user did by turning ACME on."""

    def __init__(self, directory: str, session: AcmeSession, email: str) -> None:
        self.directory = directory
        self._session = session
        self._email = email
        self._signer: Signer | None = None

    def new_key(self) -> Secret:
        return new_key()

    async def register(self, account: Account) -> None:
        """Costs nothing when it is registered: newAccount answers an account that exists with its address."""
        if self._signer is not None and self._signer.kid is not None:
            return
        signer = Signer(account.key)
        payload = {"termsOfServiceAgreed": True} | ({"contact": [f"mailto:{self._email}"]} if self._email else {})
        answer = await self._session.post(signer, (await self._session.directory()).new_account, payload)
        if answer.location is None:
            raise ProviderUnavailable("The authority did not say where our account is.")
        signer.kid = answer.location
        self._signer = signer

    async def place(self, name: str, replaces: str | None) -> str:
        url = (await self._session.directory()).new_order
        order: dict[str, object] = {"identifiers": [{"type": "dns", "value": name}]}
        try:
            answer = await self._place(url, order, replaces)
        except Refusal as refusal:
            if refusal.kind != "alreadyReplaced":
                raise
            answer = await self._post(url, order)
        if answer.location is None:
            raise ProviderUnavailable("The authority did not say where the order is.")
        return answer.location

    async def _place(self, url: str, order: dict[str, object], replaces: str | None) -> Answer:
        """Naming the predecessor spares the order the authority's limits, where it knows of renewals."""
        known = (await self._session.directory()).renewal_info is not None
        number = renewal_id(replaces) if replaces is not None and known else None
        return await self._post(url, order | ({"replaces": number} if number is not None else {}))

    async def complete(self, order: str, key: Secret, board: ChallengeBoard, kinds: Sequence[ChallengeKind]) -> str:
        try:
            async with asyncio.timeout(_COMPLETE_SECONDS):
                return await self._complete(order, key, board, kinds)
        except TimeoutError as late:
            raise OrderLost(f"The authority was not done with the order after {_COMPLETE_SECONDS:g} s.") from late

    async def _complete(self, url: str, key: Secret, board: ChallengeBoard, kinds: Sequence[ChallengeKind]) -> str:
        order = await self._order(url)
        name = ""
        for authorization in order.authorizations:
            name = await self._prove(authorization, board, kinds)
        if order.status == "pending":
            order = await self._until_order(url, ("pending",))
        if order.status == "ready":
            await self._post(order.finalize, {"csr": signing_request(name, key)})
        order = await self._until_order(url, ("ready", "processing"))
        if order.status != "valid" or order.certificate is None:
            raise OrderLost(f"The order became {order.status}{f': {order.error.detail}' if order.error else '.'}")
        return (await self._post(order.certificate, None)).body.decode("ascii", "replace")

    async def _order(self, url: str) -> OrderDocument:
        try:
            order: OrderDocument = (await self._post(url, None)).read(OrderDocument)
        except Refusal as refusal:
            if refusal.status == 404 or refusal.kind in _GONE:
                raise OrderLost(str(refusal)) from refusal
            raise
        return order

    async def _prove(self, url: str, board: ChallengeBoard, kinds: Sequence[ChallengeKind]) -> str:
        """The name that is proven to be ours on return."""
        authorization = (await self._post(url, None)).read(AuthorizationDocument)
        name: str = authorization.identifier.value
        if authorization.status == "valid":
            return name
        if authorization.status != "pending":
            raise OrderLost(f"The authority: {authorization.complaint()}.")
        challenge, offered = self._chosen(authorization, kinds)
        await board.put_up(challenge)
        try:
            if offered.status == "pending":
                await self._post(offered.url, {})
            proven = await self._until_proven(url)
        finally:
            board.take_down(challenge)
        if proven.status != "valid":
            raise OrderLost(f"The authority could not see that {name} is ours: {proven.complaint()}")
        return name

    def _chosen(
        self, authorization: AuthorizationDocument, kinds: Sequence[ChallengeKind]
    ) -> tuple[Challenge, ChallengeDocument]:
        for kind in kinds:
            for offered in authorization.challenges:
                if offered.type == kind:
                    answer = f"{offered.token}.{self._known_signer.thumbprint}"
                    name = authorization.identifier.value
                    return Challenge(kind=kind, name=name, token=offered.token, answer=answer), offered
        raise OrderLost(f"The authority offers no proof for {authorization.identifier.value} that we can give.")

    async def renewal_window(self, chain: str) -> RenewalWindow | None:
        place = (await self._session.directory()).renewal_info
        number = renewal_id(chain)
        if place is None or number is None:
            return None
        answer = await self._session.get(f"{place.rstrip('/')}/{number}")
        window = answer.read(RenewalDocument).suggested_window
        seconds = answer.retry_after_seconds or _ASK_AGAIN_SECONDS
        return RenewalWindow(
            start_ms=int(window.start.timestamp() * 1000),
            end_ms=int(window.end.timestamp() * 1000),
            ask_again_seconds=max(seconds, _SHORTEST_ASK_SECONDS),
        )

    async def close(self) -> None:
        await self._session.close()

    async def _until_proven(self, url: str) -> AuthorizationDocument:
        pause = _FIRST_POLL_SECONDS
        while True:
            answer = await self._post(url, None)
            authorization: AuthorizationDocument = answer.read(AuthorizationDocument)
            if authorization.status != "pending":
                return authorization
            pause = await _pause(pause, answer)

    async def _until_order(self, url: str, passing: tuple[str, ...]) -> OrderDocument:
        pause = _FIRST_POLL_SECONDS
        while True:
            answer = await self._post(url, None)
            order: OrderDocument = answer.read(OrderDocument)
            if order.status not in passing:
                return order
            pause = await _pause(pause, answer)

    async def _post(self, url: str, payload: object) -> Answer:
        signer = self._known_signer
        try:
            return await self._session.post(signer, url, payload)
        except Refusal as refusal:
            if refusal.kind == "accountDoesNotExist":
                signer.kid = None  # Registered anew before the next order.
            raise

    @property
    def _known_signer(self) -> Signer:
        if self._signer is None:
            raise RuntimeError("register first")
        return self._signer


async def _pause(seconds: float, answer: Answer) -> float:
    """Waits as the authority wishes, or a little; how long to wait the next time."""
    await asyncio.sleep(min(answer.retry_after_seconds or seconds, _SLOWEST_POLL_SECONDS))
    return min(seconds * 2, _SLOWEST_POLL_SECONDS)
