"""The certificates that the user brings along as files."""

from collections.abc import AsyncIterator
from typing import Protocol

from deployd.domain.certificate import Certificate


class CertificateFilesReader(Protocol):
    async def read(self) -> tuple[list[Certificate], list[str]]:
        """What can be served now, and a sentence for each pair that cannot: such a pair's last good state is kept."""
        ...

    def changes(self) -> AsyncIterator[None]:
        """Once for each burst of changes beside the files, until closed."""
        ...
