"""The app's own redirects: of one path, or of everything below a prefix."""

import re
from collections.abc import Mapping

_LEADING = re.compile(rb"[/\\]{2,}")


class Redirects:
    """Paths are compared as they stand in the request; an exact one wins, then the longest prefix."""

    def __init__(self, places: Mapping[str, str]) -> None:
        pairs = [(source.encode(), place.encode()) for source, place in places.items()]
        self._exact = {source: place for source, place in pairs if not source.endswith(b"*")}
        self._prefixes = sorted(
            ((source[:-1], place) for source, place in pairs if source.endswith(b"*")),
            key=lambda pair: len(pair[0]),
            reverse=True,
        )

    def find(self, target: bytes) -> bytes | None:
        """Where `target` has moved to. The query is kept unless the place has one; never to where it is already."""
        path, mark, query = target.partition(b"?")
        place = self._place(path)
        if place is None:
            return None
        location = _on_this_host(place) if place.startswith((b"/", b"\\")) else place
        if mark and b"?" not in location:
            location += mark + query
        return None if location == target else location

    def _place(self, path: bytes) -> bytes | None:
        place = self._exact.get(path)
        if place is not None:
            return place
        for prefix, place in self._prefixes:
            if path.startswith(prefix):
                return place.replace(b"*", path[len(prefix) :], 1)
        return None


def _on_this_host(location: bytes) -> bytes:
    """What visitors wrote behind the prefix must not turn a path into `//another.host`."""
    match = _LEADING.match(location)
    return b"/" + location[match.end() :] if match else location
