"""What CertificateActor and its parts need from the world."""

from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from actors.journal import Journal
from deployd.domain.certificate import Certificate
from deployd.domain.secret import Secret
from deployd.kernel.clock import Clock
from deployd.kernel.problems import Problems
from deployd.ports.certificate_authority import CertificateAuthority
from deployd.ports.certificate_files import CertificateFilesReader
from deployd.ports.certificate_store import CertificateStore
from deployd.ports.challenge_board import ChallengeBoard
from deployd.ports.route_store import RouteStore


class Shelf(Protocol):
    """What is served from: deployd.proxy.tls.Certificates."""

    def hold(self, certificates: Iterable[Certificate]) -> None: ...


class CertificateTools(msgspec.Struct, frozen=True, kw_only=True):
    """Without an `authority` only the user's own files are served.

    `public`: the authority certifies what the whole world can reach. `read` makes a Certificate of a chain and its key,
    or raises UserMistake; it blocks. `accepting` tells whether an authority that comes to look would find a listener.
    `warnings` are for people: they do not make the process unready.
    """

    authority: CertificateAuthority | None
    public: bool
    store: CertificateStore
    routes: RouteStore
    files: CertificateFilesReader
    shelf: Shelf
    board: ChallengeBoard
    read: Callable[[str, Secret], Certificate]
    journal: Journal
    warnings: Problems
    clock: Clock
    random: Callable[[], float]
    control_host: str
    accepting: Callable[[], bool]
