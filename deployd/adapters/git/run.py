"""Runs one git command to its end or its deadline, whichever comes first, and leaves no process behind."""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence

import msgspec

from deployd.child import Child
from deployd.pipes import open_pipe, reading

_CHUNK = 65_536
_MOST_TEXT = 65_536
_MOST_OUTPUT = 1 << 20
_MOST_LINES = 200
_LINE_END = re.compile(r"[\r\n]")
_NOISE = re.compile(
    r"(remote: )?(Enumerating|Counting|Compressing|Receiving|Writing|Unpacking|Updating|Filtering|Finding sources)"
    r"[a-z ]*:|remote: Total |(remote: )?Resolving deltas:|From |\s*[*+=!-] |\s*[0-9a-f]+\.\.+[0-9a-f]+ "
    r"|.*\d+% \(\d+/\d+\)"
)
"""What git says of its own work. What a server says to people (`remote: …`) and complaints are not among it."""
_RECEIVED = re.compile(r"Receiving objects: 100% \(\d+/\d+\), ([0-9.]+ [MG]iB) .*done\.")


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """`output` is the last megabyte of stdout, `complaint` the last 64 KiB of stderr."""

    code: int
    output: bytes
    complaint: str


async def run_git(
    argv: Sequence[str],
    env: Mapping[str, str],
    timeout_seconds: float,
    on_line: Callable[[str], None] = lambda line: None,
) -> Finished:
    """What is worth reading goes to `on_line`, at most 200 lines. TimeoutError when it takes too long."""
    (out, stdout), (err, stderr) = open_pipe(), open_pipe()
    async with reading(out) as out_reader, reading(err) as err_reader:
        with stdout, stderr:
            process = Child(argv, env=env, stdout=stdout, stderr=stderr)
        try:
            async with asyncio.timeout(timeout_seconds), asyncio.TaskGroup() as readers:
                output = readers.create_task(_take(out_reader))
                complaint = readers.create_task(_read(err_reader, _progress(on_line)))
            async with asyncio.timeout(timeout_seconds):
                code = await process.wait()
        finally:
            await _end(process)
    return Finished(code=code, output=output.result(), complaint=complaint.result())


async def _take(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(_CHUNK):
        kept = (kept + chunk)[-_MOST_OUTPUT:]
    return kept


async def _read(stream: asyncio.StreamReader, on_line: Callable[[str], None]) -> str:
    kept, unfinished = "", ""
    while chunk := await stream.read(_CHUNK):
        text = chunk.decode("utf-8", "replace")
        kept = (kept + text)[-_MOST_TEXT:]
        *lines, unfinished = _LINE_END.split((unfinished + text)[-_MOST_TEXT:])
        for line in lines:
            on_line(line)
    return kept


def _progress(on_line: Callable[[str], None]) -> Callable[[str], None]:
    """Of git's counting and compressing only how much came, when that was much."""
    said = 0

    def pass_on(line: str) -> None:
        nonlocal said
        if (received := _RECEIVED.search(line)) is not None:
            line = f"Received {received[1]}."
        elif _NOISE.match(line):
            return
        if line.strip() and said < _MOST_LINES:
            said += 1
            on_line(line.strip())

    return pass_on


async def _end(process: Child) -> None:
    if not process.ended:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        await process.wait()
