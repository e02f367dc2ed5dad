"""Names the file when a project cannot be understood because of what a file of it does to any reader."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import msgspec

from deployd.builders.project import Project
from deployd.domain.errors import BuildFailed

_LINES = frozenset({"", ".txt", ".in", ".cfg", ".mod", ".exs", ".gradle", ".kts", ".properties"})
"""The endings of files that people write a line at a time; JSON and scripts may come from a machine in one line."""

_LONGEST_LINE = 16_384


@contextmanager
def readable(project: Project) -> Iterator[Project]:
    """The same project, watched: BuildFailed with the file that was read last.

    Parsers differ in what they do about a text that is nested without end or holds a number without end: here all of
    them say the same.
    """
    last = "The project"

    def read(name: str) -> str:
        nonlocal last
        last = name
        return _with_lines(name, project.read(name))

    try:
        yield Project(files=project.files, read=read, root=project.root, top=project.top)
    except RecursionError:
        raise BuildFailed(f"{last} is nested too deeply to be read.") from None
    except MemoryError:
        raise BuildFailed(f"{last} takes more memory than deployd reads a project with.") from None
    except UnicodeError:
        raise BuildFailed(f"{last} holds text that is not UTF-8.") from None
    except msgspec.DecodeError as error:
        raise BuildFailed(f"{last} cannot be read: {str(error)[:200].rstrip('.')}.") from error
    except (ValueError, OverflowError) as error:
        if "digits" not in str(error) and not isinstance(error, OverflowError):
            raise
        raise BuildFailed(f"{last} holds a number with more digits than can be read.") from None


def _with_lines(name: str, text: str) -> str:
    if len(text) > _LONGEST_LINE and PurePosixPath(name).suffix in _LINES:
        for number, line in enumerate(text.split("\n"), start=1):
            if len(line) > _LONGEST_LINE:
                raise BuildFailed(
                    f"Line {number} of {name} has {len(line):,} characters; the most is {_LONGEST_LINE:,}."
                )
    return text
