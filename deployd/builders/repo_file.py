"""The repository's own `.deployd.toml`: settings of the build and commands of processes, kept with the code."""

import re
import tomllib

import msgspec

from deployd.builders.project import Project
from deployd.domain.build import BuildSettings, check_build_settings
from deployd.domain.errors import BuildFailed, UserMistake
from deployd.settings.unknown import guess

NAME = ".deployd.toml"

_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.?(.*)`)?")
_PROCESS = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class RepoFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    build: BuildSettings = BuildSettings()
    processes: dict[str, str] = {}


def read_repo_file(project: Project) -> RepoFile:
    """BuildFailed with the file and the key for anything that is not known; an empty one when there is none."""
    where = project.path(NAME)
    try:
        tables = tomllib.loads(project.text(NAME).lstrip("\ufeff").replace("\r\n", "\n"))
        said = msgspec.convert(tables, RepoFile)
        check_build_settings(said.build)
    except tomllib.TOMLDecodeError as error:
        raise BuildFailed(f"{where} is not valid TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise BuildFailed(f"{where}: {_told(str(error))}") from error
    except UserMistake as mistake:
        raise BuildFailed(f"{where}: {mistake}") from mistake
    for name, command in said.processes.items():
        if not _PROCESS.fullmatch(name) or not command.strip():
            raise BuildFailed(f"{where}: `processes.{name}` must be a name of a process and its command.")
    return said


def _told(complaint: str) -> str:
    if unknown := _UNKNOWN.fullmatch(complaint):
        key = f"{unknown[2]}.{unknown[1]}" if unknown[2] else unknown[1]
        close = guess(complaint, RepoFile)
        meant = f": did you mean `{close}`? The" if close else "; the"
        return f"there is no key `{key}`{meant} known ones are in docs/builders.md."
    return f"{complaint.replace('`$.', '`')}."
