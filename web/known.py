"""Refuses a deployment that there is not in the same words wherever its lines are asked for."""

from collections.abc import Awaitable, Callable

from deployd.domain.deployment import Deployment
from deployd.domain.errors import NotFound

FindDeployment = Callable[[str], Awaitable[Deployment]]
"""Raises NotFound for what is no deployment's id."""


async def check_deployment(find: FindDeployment, deployment: str, app: str | None) -> None:
    """NotFound also for one of another app; None stands for all apps."""
    found = await find(deployment)
    if app is not None and found.app != app:
        raise NotFound(f"There is no deployment {deployment!r}.")
