"""Makes the exact versions and hashes of other tools' lockfiles binding for uv, without those tools.

Reading a lockfile is left to a step: it may be megabytes, and is not needed when the packages are taken over. What the
project asks for itself comes from its manifest, so uv finds markers and extras in the packages as always; each version
and hash is a constraint. Poetry's and PDM's own exports were measured at 4 to 7 s and 30 to 70 MB for each app, and
break when a new release of one of their own dependencies does not fit.
"""

import shlex

_PINS, _GIT = ".venv/pins.txt", ".venv/pins-git.txt"

FOLLOW = f"--prerelease allow -c {_PINS} --override {_GIT}"
"""The options by which `uv pip install` keeps to them. A place in git is no constraint to uv, it has to override."""

_READ = """\
import collections, json, sys
name, out, out_git = sys.argv[1:]
with open(name, "rb") as file:
    if name.endswith("Pipfile.lock"):
        locked = json.load(file)["default"]
        packages = [dict(entry, name=key, files=[{"hash": h} for h in entry.get("hashes", ())])
                    for key, entry in locked.items()]
    else:
        try:
            import tomllib
        except ModuleNotFoundError:
            import tomli as tomllib
        lock = tomllib.load(file)
        packages = lock["package"]
        older = lock.get("metadata", {}).get("files", {})
        for package in packages:
            package["files"] = package.get("files") or older.get(package["name"]) or ()
versions = collections.defaultdict(set)
for package in packages:
    versions[package["name"].lower()].add(package.get("version"))
lines, places = {}, set()
for package in packages:
    source = package.get("source", package)
    kind = source.get("type", "") if source is not package else ""
    git = source.get("url") if kind == "git" else package.get("git")
    revision = source.get("resolved_reference") or package.get("revision") or package.get("ref")
    marker = package.get("markers") or package.get("marker")
    version = package.get("version", "").lstrip("=")
    if git:
        places.add(package["name"] + " @ git+" + git + ("@" + revision if revision else ""))
        continue
    if kind in ("file", "directory", "url") or not version or "path" in package or "file" in package:
        continue
    if len(versions[package["name"].lower()]) > 1 and not isinstance(marker, str):
        continue
    line = package["name"] + "==" + version
    if isinstance(marker, str) and marker:
        line += " ; " + marker
    hashes = "".join(" --hash=" + each["hash"] for each in package["files"] if ":" in each["hash"])
    lines[line] = max(lines.get(line, ""), hashes, key=len)
with open(out, "w") as file:
    file.writelines(line + hashes + "\\n" for line, hashes in sorted(lines.items()))
with open(out_git, "w") as file:
    file.writelines(line + "\\n" for line in sorted(places))
print(len(lines) + len(places), "versions are pinned by", name)
"""


def read_pins(lockfile: str) -> str:
    """The step that must come before FOLLOW. tomli is what Python had before it had tomllib."""
    tomli = shlex.quote("tomli>=2; python_version < '3.11'")
    python = f"uv run --no-project --isolated --quiet --with {tomli} python -c {shlex.quote(_READ)}"
    return f"{python} {lockfile} {_PINS} {_GIT}"
