"""Takes secret values out of lines, in whatever form a program printed them."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus, urlsplit

from deployd.domain.env import REDACTED_FROM_LENGTH
from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.domain.secret import Secret

REDACTED = "[redacted]"
_MOST_VALUES = 500  # for each app; the values told last are kept
_PART_LENGTH = 8  # a line of a key file or a piece of base64 shorter than this would hit innocent text


class Redactor:
    """What an app once had stays hidden after it changed: its running instances still have the old value."""

    def __init__(self) -> None:
        self._values: dict[AppName, dict[str, None]] = {}
        self._rules: dict[AppName, _Rule] = {}

    def remember(self, app: AppName, secrets: Iterable[Secret]) -> None:
        known = self._values.setdefault(app, {})
        for secret in secrets:
            value = secret.reveal()
            if len(value) >= REDACTED_FROM_LENGTH:
                known.pop(value, None)
                known[value] = None
        for value in list(known)[:-_MOST_VALUES]:
            del known[value]
        if known:
            self._rules[app] = _Rule(known)

    def redact(self, app: AppName, text: str) -> str:
        """deployd's own lines may quote any app, so every app's values are taken out of them."""
        rules = list(self._rules.values()) if app == SYSTEM_APP else [self._rules.get(app)]
        for rule in rules:
            if rule is not None:
                text = rule.redact(text)
        return text


class _Rule:
    """Plain substring search finds the rare line that holds a secret (twice as fast as the alternation)."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for form in _forms(value)}
        self._forms = sorted(forms, key=len, reverse=True)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Made at the first hit, in the thread that redacts: compiling hundreds of forms takes a while."""
        return re.compile("|".join(map(re.escape, self._forms)))

    def redact(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                return self._pattern.sub(REDACTED, text)
        return text


def _forms(value: str) -> Iterator[str]:
    """The value as printed, quoted, inside base64; the same of a URL's password and of each line of a key file."""
    for text in (value, *_parts(value)):
        yield text
        yield quote(text, safe="", errors="replace")
        yield quote(text, errors="replace")
        yield quote_plus(text, errors="replace")
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield from _base64_forms(text)


def _parts(value: str) -> Iterator[str]:
    if "\n" in value:
        yield from (line for line in map(str.strip, value.splitlines()) if len(line) >= _PART_LENGTH)
    if "://" in value:
        password = _password(value)
        if password is not None and len(password) >= REDACTED_FROM_LENGTH:
            yield password


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def _base64_forms(text: str) -> Iterator[str]:
    """Base64 packs three bytes at a time, so what a value looks like depends on how many bytes stand before it.

    For each of the three alignments: the characters that hold bits of the value alone.
    """
    raw = text.encode("utf-8", "surrogatepass")
    for whole in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        yield whole
        yield whole.rstrip("=")
    for before in range(3):
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        for encoded in (base64.b64encode(bytes(before) + raw), base64.urlsafe_b64encode(bytes(before) + raw)):
            piece = encoded[first:last].decode()
            if len(piece) >= _PART_LENGTH:
                yield piece
