"""DeployTools for tests of one part of DeployActor, which get only what that part uses."""

from pathlib import Path
from typing import Any

from actors.deploy.tools import DeployTools
from actors.journal import Journal
from deployd.config import DeployConfig
from deployd.kernel.clock import Clock
from deployd.kernel.ref import Ref
from deployd.messages.log import LogMessage
from deployd.ports.stores import Stores


def partial_tools(stores: Stores, clock: Clock, **used: Any) -> DeployTools:
    """Whatever is not among the `used` fails at its first use."""
    log: Ref[LogMessage] = Ref("log")
    own: dict[str, Any] = dict.fromkeys(DeployTools.__struct_fields__)
    own |= {
        "stores": stores,
        "clock": clock,
        "journal": Journal(stores.deployments, stores.events, log, clock),
        "log": log,
        "redact": lambda _, text: text,
        "config": DeployConfig(),
        "releases_folder": Path(),
        "caches_folder": Path(),
        "base_domain": "test",
        "control_hosts": frozenset(),
    }
    return DeployTools(**own | used)
