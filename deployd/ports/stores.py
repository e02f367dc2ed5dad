"""Everything that is kept in the database."""

from collections.abc import Callable

import msgspec

from deployd.ports.app_store import AppStore
from deployd.ports.certificate_store import CertificateStore
from deployd.ports.deployment_store import DeploymentStore
from deployd.ports.env_store import EnvStore
from deployd.ports.event_log import EventLog
from deployd.ports.instance_store import InstanceStore
from deployd.ports.release_store import ReleaseStore
from deployd.ports.route_store import RouteStore
from deployd.ports.token_store import TokenStore


class Stores(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever opened the database closes it when nobody uses these any more."""

    apps: AppStore
    deployments: DeploymentStore
    releases: ReleaseStore
    instances: InstanceStore
    routes: RouteStore
    envs: EnvStore
    events: EventLog
    tokens: TokenStore
    certificates: CertificateStore
    broken: Callable[[], list[str]]
    """A sentence for each row that could not be read when it was last looked at."""
