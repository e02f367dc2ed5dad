"""What the proxy does with an app's requests before and after the app has them, as the user sets it."""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec

from deployd.domain.bounds import MOST
from deployd.domain.errors import UserMistake
from deployd.domain.setting import WrongSetting, raise_first

_PASSWORD_HASH = re.compile(r"scrypt:[0-9a-f]{32}:[0-9a-f]{64}")
_SOURCE = re.compile(r"/[!-)+-~]*\*?")
_PLACE = re.compile(r"(https?://[A-Za-z0-9.:\[\]-]+)?(/[!-~]*)?")
_ERROR = re.compile(r"[45]([0-9]{2}|xx)")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[!-~]([ -~]*[!-~])?")

Share = Annotated[float, msgspec.Meta(ge=0, le=100)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=MOST)]


class Reuse(StrEnum):
    """When a pooled upstream connection may carry a client's request (the words of haproxy's http-reuse)."""

    NEVER = "never"
    SAFE = "safe"
    AGGRESSIVE = "aggressive"


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table [apps.NAME.proxy]; 0 and empty mean: not at all.

    `canonical` is the host that all others are redirected to; `redirects` maps a path, or a prefix that ends in `*`,
    to a path or URL (a `*` there takes the rest); `basic_auth` maps users to hashes made by `deployd hash-password`;
    `allow` holds addresses and networks; `error_pages` maps a status or `5xx` to a file of the release;
    `strip_prefix` takes the path prefix of a domain such as `example.com/api` away before the app sees it.
    """

    canonical: str = ""
    https_redirect: bool = True
    hsts_seconds: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = 0
    strip_prefix: bool = False
    redirects: dict[str, str] = {}
    basic_auth: dict[str, str] = {}
    allow: tuple[str, ...] = ()
    body_limit_mb: NotNegative = 0.0
    requests_per_second: NotNegative = 0.0
    burst: Annotated[int, msgspec.Meta(ge=0, le=MOST)] = 0
    compress: bool = True
    error_pages: dict[str, str] = {}
    sticky: bool = False
    reuse: Reuse = Reuse.SAFE
    health_seconds: NotNegative = 10.0
    tunnel_idle_seconds: NotNegative = 3600.0


class CanaryRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which visitors get the canary: `percent` of them, and those whose request has `header` (as `Name: value`), and
    those who come from `allow`."""

    percent: Share = 0.0
    header: str = ""
    allow: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people: `5 % of the visitors, requests with X-Canary: 1`."""
        parts = [f"{self.percent:g} % of the visitors"] if self.percent else []
        parts += [f"requests with {self.header}"] if self.header else []
        parts += [f"visitors from {', '.join(self.allow)}"] if self.allow else []
        return ", ".join(parts)


class Canary(CanaryRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the visitors gets another release."""

    release: int


def check_edge(settings: EdgeSettings) -> None:
    """Raises WrongSetting for the first setting that cannot work."""
    raise_first(wrong_edge_settings(settings))


def wrong_edge_settings(settings: EdgeSettings) -> Iterator[WrongSetting]:
    """Keys count from the app's table."""
    for user, secret in settings.basic_auth.items():
        if not user or ":" in user or not _PASSWORD_HASH.fullmatch(secret):
            yield WrongSetting(
                ("proxy", "basic_auth", user),
                f"`proxy.basic_auth` of {user!r} is not a hash: type `deployd hash-password` and put its answer here.",
            )
    yield from (each.below("proxy") for each in wrong_networks("proxy.allow", settings.allow))
    for source, place in settings.redirects.items():
        if not _SOURCE.fullmatch(source) or not place or not _PLACE.fullmatch(place):
            yield WrongSetting(
                ("proxy", "redirects", source),
                f"`proxy.redirects` {source!r} = {place!r} does not lead from a path (or a prefix that ends in *) to a "
                "path or http URL; letters beyond ASCII are to be percent-encoded.",
            )
    for status, file in settings.error_pages.items():
        if not _ERROR.fullmatch(status) or file.startswith("/") or ".." in file.split("/"):
            yield WrongSetting(
                ("proxy", "error_pages", status),
                f"`proxy.error_pages` {status!r} = {file!r} is not a status and a file of the release.",
            )


def check_canary(rule: CanaryRule) -> None:
    """Raises UserMistake when nobody would get the canary, or it cannot be told who."""
    if not (rule.percent or rule.header or rule.allow):
        raise UserMistake("A canary needs visitors: say a percentage, a header, or the networks they come from.")
    if rule.header and not _HEADER.fullmatch(rule.header):
        raise UserMistake(f"The header {rule.header!r} of the canary is not of the form `X-Canary: 1`.")
    raise_first(wrong_networks("allow", rule.allow))


def wrong_networks(key: str, networks: Sequence[str]) -> Iterator[WrongSetting]:
    """`key` as the sentence says it; the last name of it leads to the list."""
    for at, text in enumerate(networks):
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            sentence = f"`{key}` {text!r} is not an address or network such as 10.0.0.0/8."
            yield WrongSetting((key.rpartition(".")[2], at), sentence)
