"""What DeployActor and its parts need from the world."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from actors.journal import Journal
from deployd.config import DeployConfig
from deployd.domain.ids import AppName
from deployd.domain.route import Address
from deployd.kernel.clock import Clock
from deployd.kernel.ref import Ref
from deployd.messages.build import BuildMessage
from deployd.messages.log import LogMessage
from deployd.messages.proxy import ProxyMessage
from deployd.ports.artifact_store import ArtifactStore
from deployd.ports.health_probe import HealthProbe
from deployd.ports.log_store import LogStore
from deployd.ports.output_reader import OutputReader
from deployd.ports.runtime import Runtime
from deployd.ports.source_repository import SourceRepository
from deployd.ports.stores import Stores
from deployd.ports.toolchains import Toolchains


class DeployTools(msgspec.Struct, frozen=True, kw_only=True):
    """`releases_folder` holds APP/NUMBER; `front` is where the proxy itself listens, known once it does; `door_pass`
    gives what takes one request past an app's door; `redact` takes out what the log was told to hide of an app.
    """

    stores: Stores
    logs: LogStore
    sources: SourceRepository
    artifacts: ArtifactStore
    runtime: Runtime
    toolchains: Toolchains
    output: OutputReader
    health: HealthProbe
    journal: Journal
    clock: Clock
    config: DeployConfig
    releases_folder: Path
    caches_folder: Path
    base_domain: str
    control_hosts: frozenset[str]
    front: Callable[[], Address]
    door_pass: Callable[[], str]
    proxy: Ref[ProxyMessage]
    build: Ref[BuildMessage]
    log: Ref[LogMessage]
    redact: Callable[[AppName, str], str]
