"""What the exit codes of the command line mean."""

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    DEPLOYMENT_FAILED = 4
    DETACHED = 130


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.REFUSED: "refused; the sentence on stderr says why",
    ExitCode.USAGE: "wrong usage",
    ExitCode.UNREACHABLE: "the daemon is not reachable",
    ExitCode.DEPLOYMENT_FAILED: "the deployment did not go live",
    ExitCode.DETACHED: "Ctrl-C; a deployment that was followed goes on",
}


EPILOG = f"Exit codes: {'; '.join(f'{code.value} {meaning}' for code, meaning in MEANINGS.items())}."
