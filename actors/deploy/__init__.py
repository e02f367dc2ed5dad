"""DeployActor and its parts."""

from actors.deploy.actor import DeployActor
from actors.deploy.tools import DeployTools

__all__ = ["DeployActor", "DeployTools"]
