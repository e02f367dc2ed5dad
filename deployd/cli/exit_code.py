"""What the exit codes of the command line mean."""

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    DEPLOYMENT_FAILED = 4


EPILOG = (
    "Exit codes: 0 done; 1 refused, the sentence on stderr says why; 2 wrong usage; "
    "3 the daemon is not reachable; 4 the deployment did not go live."
)
