"""What DeployActor can be told: every change to apps, deployments and running instances goes through it."""

from collections.abc import Mapping

import msgspec

from deployd.domain.app import App, AppSettings
from deployd.domain.deployment import Deployment, Outcome, Trigger
from deployd.domain.edge import CanaryRule
from deployd.domain.env import Environment, EnvLayer, EnvValue
from deployd.domain.errors import DeploydError
from deployd.domain.ids import DeploymentId, InstanceId
from deployd.domain.instance import Exit
from deployd.domain.secret import Secret
from deployd.kernel.message import Message, Request


class PutApp(Request[App], frozen=True, kw_only=True):
    """Creates the app or replaces its settings. UserMistake when they cannot work or a host is taken.

    `create_only` refuses an existing name; `env` (when not None) replaces the FILE layer. The `login` to the repository
    stays when it is not given and the repository is the same.
    """

    name: str
    settings: AppSettings
    login: Secret | msgspec.UnsetType | None = msgspec.UNSET
    create_only: bool = False
    env: dict[str, EnvValue] | None = None

    def login_after(self, before: App | None) -> Secret | None:
        """That of one repository never goes to another: who may change an app need not know its token."""
        if self.login is not msgspec.UNSET:
            return self.login
        return before.login if before is not None and before.settings.repo == self.settings.repo else None


class PutApps(Request[tuple[App | DeploydError, ...]], frozen=True, kw_only=True):
    """As many `PutApp`, at the price of few. Each is for itself: the app, or why it was refused, in the same order."""

    orders: tuple[PutApp, ...]


class RemoveApp(Request[None], frozen=True, kw_only=True):
    """Stops it, then deletes its route, rows and folders. NotFound when there is none."""

    app: str


class RequestDeployment(Request[Deployment], frozen=True, kw_only=True):
    """Queues a deployment of `ref` (branch, tag, commit; None = the app's branch); older queued ones are superseded.

    With `canary` it ends with those visitors on its release, and the others on the one that serves.
    """

    app: str
    trigger: Trigger
    by: str
    ref: str | None = None
    canary: CanaryRule | None = None


class RollBack(Request[Deployment], frozen=True, kw_only=True):
    """Queues a deployment of a kept release (None = the one before the one that serves), without a rebuild."""

    app: str
    trigger: Trigger
    by: str
    release: int | None = None


class CancelDeployment(Request[Deployment], frozen=True, kw_only=True):
    """Ends it as cancelled and leaves the old release serving. StateConflict when it has ended already."""

    deployment: str


class ChangeEnv(Request[Environment], frozen=True, kw_only=True):
    """Makes a new env version; running instances keep the old one until the next deployment or restart."""

    app: str
    layer: EnvLayer = EnvLayer.SET
    put: Mapping[str, EnvValue] = msgspec.field(default_factory=dict)
    remove: tuple[str, ...] = ()


class StopApp(Request[None], frozen=True, kw_only=True):
    """Closes the route (503) and stops every instance; the app and its releases stay."""

    app: str
    by: str


class SetMaintenance(Request[App], frozen=True, kw_only=True):
    """While `text` is not None, visitors read it instead of getting the app. UserMistake when it cannot be shown."""

    app: str
    text: str | None
    by: str


class RestartApp(Request[Deployment], frozen=True, kw_only=True):
    """Starts the serving release anew with the current env, gated and switched like a deployment."""

    app: str
    trigger: Trigger
    by: str


class BeginCanary(Request[Deployment], frozen=True, kw_only=True):
    """Queues a deployment that gives some visitors a kept release, or changes who they are.

    `release` None means the running canary's, otherwise the newest that is not live. UserMistake when there is none.
    """

    app: str
    by: str
    rule: CanaryRule
    release: int | None = None


class PromoteCanary(Request[Deployment], frozen=True, kw_only=True):
    """Queues a deployment that gives everybody the canary's release, with its running instances. StateConflict
    when there is no canary."""

    app: str
    by: str


class AbortCanary(Request[None], frozen=True, kw_only=True):
    """Gives everybody the live release again and stops the canary. StateConflict when there is none."""

    app: str
    by: str


class BuildEnded(Message, frozen=True, kw_only=True):
    """From BuildActor: the deployment has a release (`error` is None), or why it has none."""

    deployment: DeploymentId
    release: int | None = None
    error: str | None = None
    outcome: Outcome = Outcome.FAILED


class LookAfterBuilds(Message, frozen=True):
    """From DeployActor's own clock: is there anybody who will report the end of each build?"""


class RolloutEnded(Message, frozen=True, kw_only=True):
    """From DeployActor's own task: starting, checking, switching and draining are over."""

    deployment: DeploymentId
    error: str | None = None
    outcome: Outcome = Outcome.FAILED


class InstanceExited(Message, frozen=True, kw_only=True):
    """From the runtime's watch: the OS process of a running instance is gone without being asked to."""

    instance: InstanceId
    exit: Exit


DeployMessage = (
    PutApp
    | PutApps
    | RemoveApp
    | RequestDeployment
    | RollBack
    | CancelDeployment
    | ChangeEnv
    | StopApp
    | SetMaintenance
    | RestartApp
    | BeginCanary
    | PromoteCanary
    | AbortCanary
    | BuildEnded
    | RolloutEnded
    | InstanceExited
    | LookAfterBuilds
)
