"""deployd's own answers, for when no app can give one: a small page for people, JSON for programs."""

import html
import re
from http import HTTPStatus

import msgspec

_ACCEPT = re.compile(rb"^accept:[ \t]*([^\r\n]*)", re.I | re.M)
_TITLES = {
    308: "This has moved",
    401: "Please log in",
    403: "You are not let in here",
    404: "Nothing is served at this address",
    413: "This is too large",
    429: "Too many requests",
    502: "The app did not answer",
    503: "The app is not being served",
    504: "The app took too long",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">
<title>{head}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto 0;padding:0 1rem}}
body{{color:#222;background:#fff;overflow-wrap:break-word}}
h1{{font-size:1.3rem}}footer{{margin-top:2rem;font-size:.8125rem;color:#666}}code{{font-size:.75rem}}
@media(prefers-color-scheme:dark){{body{{color:#ddd;background:#16181c}}footer{{color:#999}}}}</style></head>
<body><h1>{title}</h1><p>{reason}</p><footer>{foot}</footer></body></html>
"""


class Pages:
    """`brand` is how whoever runs this wants to be called on them; empty means not at all."""

    def __init__(self, brand: str = "") -> None:
        self._brand = brand

    def render(
        self, status: int, reason: str, fields: bytes, title: str | None = None, request_id: str = ""
    ) -> tuple[bytes, bytes]:
        """Content type and body in the form that the request's header `fields` ask for.

        `request_id` is what the access log calls the request; it has none when it was not understood.
        """
        title = title or _TITLES.get(status) or _phrase(status)
        if wants_json(fields):
            said = _Said(status=status, title=title, detail=reason, request_id=request_id)
            return b"application/problem+json", msgspec.json.encode(said)
        if "text/html" in _accept(fields):
            return b"text/html; charset=utf-8", self._page(status, title, reason, request_id).encode()
        lines = [f"{status} {title}", reason, *([f"Request: {request_id}"] if request_id else [])]
        return b"text/plain; charset=utf-8", "\n".join([*lines, ""]).encode()

    def _page(self, status: int, title: str, reason: str, request_id: str) -> str:
        brand, title = html.escape(self._brand), html.escape(title)
        shown = f"Request <code>{html.escape(request_id)}</code>" if request_id else ""
        return _PAGE.format(
            head=" · ".join(part for part in (f"{status} {title}", brand) if part),
            title=title,
            reason=html.escape(reason),
            foot=" · ".join(part for part in (str(status), brand, shown) if part),
        )


class _Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem (RFC 9457)."""

    status: int
    title: str
    detail: str
    request_id: str = ""


def wants_json(fields: bytes) -> bool:
    """A program asks, which could do nothing with a page."""
    accept = _accept(fields)
    return "json" in accept and "text/html" not in accept


def answer(status: int, content_type: bytes, body: bytes, extra: bytes) -> bytes:
    """The head of one of our own answers; `extra` are whole header lines."""
    return (
        b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
        b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%b\r\n"
        % (status, _phrase(status).encode(), content_type, len(body), extra)
    )


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def _accept(fields: bytes) -> str:
    match = _ACCEPT.search(fields)
    return match[1].decode("latin-1").lower() if match else ""
