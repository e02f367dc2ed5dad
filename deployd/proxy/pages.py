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
<title>{status} {title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto 0;padding:0 1rem}}
body{{color:#222;background:#fff;overflow-wrap:break-word}}
h1{{font-size:1.3rem}}small{{color:#777}}
@media(prefers-color-scheme:dark){{body{{color:#ddd;background:#16181c}}}}</style></head>
<body><h1>{title}</h1><p>{reason}</p><small>{status} · deployd</small></body></html>
"""


def render(status: int, reason: str, fields: bytes, title: str | None = None) -> tuple[bytes, bytes]:
    """Content type and body in the form that the request's header `fields` ask for."""
    title = title or _TITLES.get(status) or _phrase(status)
    if wants_json(fields):
        return b"application/problem+json", msgspec.json.encode({"status": status, "title": title, "detail": reason})
    if "text/html" in _accept(fields):
        page = _PAGE.format(status=status, title=html.escape(title), reason=html.escape(reason))
        return b"text/html; charset=utf-8", page.encode()
    return b"text/plain; charset=utf-8", f"{status} {title}\n{reason}\n".encode()


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


def _accept(fields: bytes) -> str:
    match = _ACCEPT.search(fields)
    return match[1].decode("latin-1").lower() if match else ""


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
