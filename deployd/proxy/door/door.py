"""All that may be said to a request before its app gets it, in the order in which it is asked."""

import math

from deployd.domain.route import Route
from deployd.proxy.chunked import MEBIBYTE, too_large
from deployd.proxy.door.allow_list import AllowList
from deployd.proxy.door.basic_auth import Attempt, BasicAuth
from deployd.proxy.door.maintenance import Maintenance, PrefixOf
from deployd.proxy.door.origin import Certificates, Origin
from deployd.proxy.door.rate_limit import RateLimit
from deployd.proxy.door.redirects import Redirects
from deployd.proxy.door.verdict import Verdict, come_back, moved_to
from deployd.proxy.request_head import RequestHead

_STRANGER = Verdict(status=403, reason="Your address is not among those that are let in here.")


class Door:
    """Strangers are turned away first, passwords are asked for last and never before https is reached."""

    def __init__(self) -> None:
        self.rate: RateLimit | None = None
        self.pace = (0.0, 0)
        self.allow: AllowList | None = None
        self.origin: Origin | None = None
        self.maintenance: Maintenance | None = None
        self.redirects: Redirects | None = None
        self.body_limit = 0
        self.auth: BasicAuth | None = None

    def check(self, head: RequestHead, ip: str, scheme: bytes, now: float) -> Verdict | Attempt | None:
        """None lets it in; an Attempt does so if its password fits."""
        if self.rate is not None and (wait := self.rate.take(ip, now)):
            return come_back(429, "There are too many requests from this address.", math.ceil(wait))
        if self.allow is not None and not self.allow.admits(ip):
            return _STRANGER
        if self.origin is not None and (location := self.origin.elsewhere(head, scheme)) is not None:
            return moved_to(location)
        if self.maintenance is not None and (closed := self.maintenance.check(head)) is not None:
            return closed
        if self.redirects is not None and (location := self.redirects.find(head.target)) is not None:
            return moved_to(location)
        if self.body_limit and head.length > self.body_limit:
            return Verdict(status=413, reason=too_large(self.body_limit))
        return None if self.auth is None else self.auth.check(head.fields, ip, now)


def door_of(
    route: Route,
    certificates: Certificates | None,
    https_port: int = 443,
    before: Door | None = None,
    prefix_of: PrefixOf | None = None,
) -> Door | None:
    """None when nothing of it is set. Without `certificates` nobody is sent to https; `prefix_of` for those who strip.

    What `before` counted and remembers goes on where the settings are the same.
    """
    edge = route.edge
    door = Door()
    if edge.requests_per_second:
        door.pace = (edge.requests_per_second, edge.burst)
        door.rate = before.rate if before is not None and before.pace == door.pace else RateLimit(*door.pace)
    if edge.allow:
        door.allow = AllowList(edge.allow)
    secured = certificates if edge.https_redirect else None
    if edge.canonical or secured is not None:
        door.origin = Origin(edge.canonical, secured, https_port)
    if route.maintenance is not None:
        door.maintenance = Maintenance(route.maintenance, route.health_path, prefix_of if edge.strip_prefix else None)
    if edge.redirects:
        door.redirects = Redirects(edge.redirects)
    door.body_limit = int(edge.body_limit_mb * MEBIBYTE)
    if edge.basic_auth:
        known = before.auth if before is not None else None
        same = known is not None and known.users == edge.basic_auth
        door.auth = known if same else BasicAuth(edge.basic_auth, route.app)
    parts = (door.rate, door.allow, door.origin, door.maintenance, door.redirects, door.auth)
    return door if door.body_limit or any(part is not None for part in parts) else None
