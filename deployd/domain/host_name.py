"""Host names as settings hold them, in ASCII and lower case; and what is to be left out of what is none."""

import re

_HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_DOMAIN = re.compile(r"(\*\.)?([^/]+)(/(?!\.\.?(/|\Z))[A-Za-z0-9._~!$&'()*+,=:@-]+)*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PORT = re.compile(r":[0-9]+\Z")


def is_host_name(text: str) -> bool:
    return _HOST.fullmatch(text) is not None


def is_domain(text: str) -> bool:
    """A host name, a wildcard for one (`*.example.com`), or either with a path prefix (`example.com/api`)."""
    found = _DOMAIN.fullmatch(text)
    return found is not None and is_host_name(found[2])


def in_ascii(domain: str) -> str:
    """As DNS and browsers' requests have it: `xn--bcher-kva.example` for `bücher.example`.

    Unchanged when its host is ASCII, or no name that can be written so (IDNA 2008).
    """
    if domain.isascii():
        return domain
    star, rest = ("*.", domain[2:]) if domain.startswith("*.") else ("", domain)
    host, slash, path = rest.partition("/")
    if host.isascii():
        return domain  # It is the path that has them.
    import idna  # Its tables take 40 ms to load.

    try:
        return f"{star}{idna.encode(host, uts46=True).decode()}{slash}{path}"
    except idna.IDNAError:
        return domain


def why_no_host_name(text: str, *, domain: bool = False) -> str:
    """The end of a sentence about `text`; `domain` allows a wildcard and a path."""
    left_out, host, path = _taken_apart(text)
    tidy = in_ascii(host.lower()) + (path if domain else "")
    if not (is_domain if domain else is_host_name)(tidy):
        return _why_none(text)
    if path and not domain:
        left_out.append("the path")
    advice = [f"leave out {_listed(left_out)}"] if left_out else []
    advice += ["write it in lower case"] if host != host.lower() else []
    return f'is not a host name: {" and ".join(advice) or "write it in ASCII"}: "{tidy}"'


def _taken_apart(text: str) -> tuple[list[str], str, str]:
    """What does not belong to a domain, its host, and its path without a slash at the end."""
    left_out: list[str] = []
    rest = text.strip()
    if rest != text:
        left_out.append("the spaces around it")
    if scheme := _SCHEME.match(rest):
        left_out.append(f"`{scheme[0]}`")
        rest = rest[scheme.end() :]
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        left_out.append("the user")
        authority = authority.rpartition("@")[2]
    if port := _PORT.search(authority):
        left_out.append(f"the port `{port[0]}`")
        authority = authority[: port.start()]
    if authority.endswith("."):
        left_out.append("the dot at its end")
        authority = authority.rstrip(".")
    if slash and (not path or path.endswith("/")):
        left_out.append("the slash at its end")
    path = path.rstrip("/")
    return left_out, authority, f"/{path}" if path else ""


def _why_none(text: str) -> str:
    if "_" in text:
        return "is not a host name: it may hold letters, digits, - and dots, but no _"
    if not text.isascii():
        return "is not a host name that can be written in ASCII (IDNA 2008)"
    return "is not a host name such as www.example.com (lower case)"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
