"""What deployd works on, opened: the only module that names concrete adapters, stores, runtimes and builders."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from deployd.adapters.git.repositories import GitRepositories
from deployd.adapters.http_probe.probe import AiohttpProbe
from deployd.adapters.local_artifacts.artifacts import LocalArtifacts
from deployd.adapters.local_artifacts.tree import SYSTEM_FOLDERS
from deployd.builders.builder import SandboxedBuilder
from deployd.builders.caps import Caps
from deployd.builders.detection.detector import Detector
from deployd.builders.registry_env import registry_env
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Workshop
from deployd.config import Config, TlsConfig
from deployd.config_file import environment
from deployd.domain.errors import UserMistake
from deployd.kernel.clock import Clock
from deployd.logs.sqlite import SqliteLogStore
from deployd.ports.artifact_store import ArtifactStore
from deployd.ports.builder import Builder
from deployd.ports.certificate_authority import CertificateAuthority
from deployd.ports.health_probe import HealthProbe
from deployd.ports.log_store import LogStore
from deployd.ports.output_reader import OutputReader
from deployd.ports.runtime import Runtime
from deployd.ports.source_repository import SourceRepository
from deployd.ports.stores import Stores
from deployd.ports.toolchains import Toolchains
from deployd.runtimes.output_reader import InotifyOutputReader
from deployd.runtimes.ports import instance_ports
from deployd.runtimes.process import ProcessRuntime
from deployd.stores.master_key import MasterKey
from deployd.stores.seal_logins import seal_logins
from deployd.stores.stores import open_database, open_stores

_GIT_ENV = (
    "HOME",
    "PATH",
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
)
"""What git needs of our environment: keys for ssh, and how to reach hosts."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What outlives the actors: opened before the first starts, closed after the last has stopped."""

    stores: Stores
    logs: LogStore
    sources: SourceRepository
    toolchains: Toolchains
    builder: Builder
    artifacts: ArtifactStore
    runtime: Runtime
    output: OutputReader
    health: HealthProbe
    authority: CertificateAuthority | None


def prepare_folders(config: Config) -> None:
    """Everything of ours lies under the data folder, which only we may enter. UserMistake when that cannot be."""
    paths = config.paths
    try:
        paths.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (paths.mirrors, paths.builds, paths.caches, paths.artifacts, paths.releases, paths.instances):
            folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserMistake(
            f"`server.data_dir` {paths.data_dir} cannot be used: {error.filename}: {error.strerror}; "
            "name a folder that can be written."
        ) from error


async def cookie_key(config: Config) -> bytes:
    """What the proxy signs its cookies with: the same after a restart, so that visitors stay where they were."""
    return (await asyncio.to_thread(MasterKey.load, config.paths.master_key)).derived("cookies of the proxy")


async def open_world(config: Config, clock: Clock, stack: AsyncExitStack) -> World:
    """Closed by `stack`. StoreUnusable or UserMistake say what keeps it shut."""
    paths = config.paths
    database = await open_database(paths.database, config.database.url.reveal())
    stack.push_async_callback(database.close)
    logs = await SqliteLogStore.open(paths.logs_database)
    stack.push_async_callback(logs.close)
    runtime = ProcessRuntime(paths.instances, clock)
    stack.callback(runtime.close)
    output = InotifyOutputReader()
    stack.callback(output.close)
    health = AiohttpProbe()
    stack.push_async_callback(health.close)
    environ = environment()
    registries = registry_env(environ)
    limits = config.deploy
    workshop = Workshop(
        pass_env=registries,
        toolchains=paths.toolchains,
        caps=Caps.of(memory_mb=limits.build_memory_mb, cpus=limits.build_cpus, pids=limits.build_pids),
        network=limits.build_network,
        closed_ports=_closed_ports(config),
        unsandboxed=limits.unsandboxed,
    )
    toolchains = InstalledToolchains(
        paths.toolchains, workshop, env=registries, clock=clock, lease_seconds=2 * limits.build_seconds
    )
    await asyncio.to_thread(toolchains.open)
    # A single file that has unpacked itself need not do so once more.
    unpacked = {name: value for name, value in environ.items() if name.startswith("_PYI_")}
    builder = SandboxedBuilder(
        workshop,
        toolchains,
        timeout_seconds=limits.build_seconds,
        cache_mb=limits.cache_mb_per_app,
        detector=Detector(env=unpacked),
    )
    stack.push_async_callback(builder.close)
    git_env = {name: value for name, value in environ.items() if name in _GIT_ENV}
    key = await asyncio.to_thread(MasterKey.load, paths.master_key)
    await seal_logins(database, key)
    return World(
        stores=open_stores(database, key),
        logs=logs,
        sources=GitRepositories(paths.mirrors, config.deploy.fetch_seconds, git_env),
        toolchains=toolchains,
        builder=builder,
        artifacts=LocalArtifacts(paths.artifacts, (*SYSTEM_FOLDERS, f"{paths.toolchains.resolve()}/")),
        runtime=runtime,
        output=output,
        health=health,
        authority=await _authority(config.tls, clock, stack),
    )


def _closed_ports(config: Config) -> tuple[range, ...]:
    """What is meant for the proxy, and for those who run this host: not for builds, wherever it listens."""
    admin = config.server.admin_address.port
    return (instance_ports(), *([range(admin, admin + 1)] if admin else []))


async def _authority(tls: TlsConfig, clock: Clock, stack: AsyncExitStack) -> CertificateAuthority | None:
    if not tls.acme:
        return None
    from deployd.adapters import acme  # With X.509 it takes 70 ms of the start, which only its users shall pay.

    authority = await asyncio.to_thread(acme.connect, tls.acme_directory, tls.email, tls.ca_file, clock)
    stack.push_async_callback(authority.close)
    return authority
