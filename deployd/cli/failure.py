"""Why a verb ended without doing its work: one sentence and an exit code."""

from deployd.cli.exit_code import ExitCode


class Failure(Exception):
    code = ExitCode.REFUSED


class DaemonUnreachable(Failure):
    code = ExitCode.UNREACHABLE


class DeploymentFailed(Failure):
    code = ExitCode.DEPLOYMENT_FAILED


class Detached(Failure):
    """Ctrl-C while a deployment was followed."""

    code = ExitCode.DETACHED


class Missing(Failure):
    """The daemon does not know the thing named."""
