"""What a commit's .gitmodules asks for, taken apart without trusting a word of it."""

import os
import re

import msgspec

from deployd.domain.errors import BuildFailed

FILE = ".gitmodules"
MOST_BYTES = 256 << 10
_KEY = re.compile(r"submodule\.(?P<name>.*)\.(?P<setting>path|url|update)", re.S)
_GIT_FOLDER = re.compile(r"\.git|git~\d+", re.I)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`url` as it was written: it may be relative, missing or harmful."""

    path: str
    url: str


class TreeEntry(msgspec.Struct, frozen=True, kw_only=True):
    mode: str
    sha: str
    size: int
    path: str

    @property
    def is_submodule(self) -> bool:
        return self.mode == "160000"


def read_gitmodules(listing: bytes) -> list[Asked]:
    """From `KEY<newline>VALUE<nul>`; the last value counts. BuildFailed for a path that leads anywhere but inside."""
    sections: dict[str, dict[str, str]] = {}
    for line in os.fsdecode(listing).split("\0"):
        key, _, value = line.partition("\n")
        if match := _KEY.fullmatch(key):
            sections.setdefault(match["name"], {})[match["setting"]] = value
    asked = {}
    for settings in sections.values():
        path = settings.get("path", "")
        if path and settings.get("update") != "none":
            _check_path(path)
            asked[path] = Asked(path=path, url=settings.get("url", ""))
    return list(asked.values())


def read_tree(listing: bytes) -> list[TreeEntry]:
    """From `MODE KIND HASH SIZE<tab>PATH<nul>`."""
    found = []
    for line in os.fsdecode(listing).split("\0"):
        about, tab, path = line.partition("\t")
        if tab:
            mode, _, sha, size = about.split()
            found.append(TreeEntry(mode=mode, sha=sha, size=int(size) if size.isdigit() else 0, path=path))
    return found


def check_file(entry: TreeEntry) -> None:
    if entry.mode not in ("100644", "100755", "100664"):
        raise BuildFailed(f"The commit's {FILE} is not a plain file; git does not accept that either.")
    if entry.size > MOST_BYTES:
        raise BuildFailed(f"The commit's {FILE} is larger than {MOST_BYTES >> 10} KiB; no repository needs that.")


def _check_path(path: str) -> None:
    steps = path.rstrip("/").split("/")
    if any(step in ("", ".", "..") or _GIT_FOLDER.fullmatch(step.rstrip(". ")) for step in steps):
        raise BuildFailed(f"The submodule path {path!r} in {FILE} does not lie inside the project; correct it.")
