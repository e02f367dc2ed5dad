"""Where it is written down which OS processes are ours, so that the next deployd can adopt them."""

from typing import Protocol

from deployd.domain.ids import AppName, InstanceId
from deployd.domain.instance import Instance


class InstanceStore(Protocol):
    async def put(self, instance: Instance) -> None:
        """Inserts it or replaces the row of its id."""
        ...

    async def get(self, instance: InstanceId) -> Instance:
        """Raises NotFound."""
        ...

    async def of_app(self, app: AppName) -> list[Instance]: ...

    async def broken(self, app: AppName) -> list[Instance]:
        """Those whose rows cannot be read, as far as they can be made out: to be stopped, and for nothing else."""
        ...

    async def all(self) -> list[Instance]: ...

    async def remove(self, instance: InstanceId) -> None: ...
