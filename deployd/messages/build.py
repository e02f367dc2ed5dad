"""What BuildActor can be told."""

from deployd.domain.ids import AppName, DeploymentId
from deployd.kernel.message import Message


class StartBuild(Message, frozen=True, kw_only=True):
    """Fetch, detect, build and pack the deployment's commit; answered by `BuildEnded` to DeployActor."""

    deployment: DeploymentId


class CancelBuild(Message, frozen=True, kw_only=True):
    """Kill it if it runs, forget it if it waits; nothing is sent back."""

    deployment: DeploymentId


class BuildDone(Message, frozen=True, kw_only=True):
    """From BuildActor's own task: the slot is free. `app` is None when it was removed meanwhile."""

    deployment: DeploymentId
    app: AppName | None


BuildMessage = StartBuild | CancelBuild | BuildDone
