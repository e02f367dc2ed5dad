"""Where everything lies under the data folder."""

from pathlib import Path

import msgspec


class Paths(msgspec.Struct, frozen=True):
    data_dir: Path

    @property
    def database(self) -> Path:
        return self.data_dir / "deployd.db"

    @property
    def logs_database(self) -> Path:
        return self.data_dir / "logs.db"

    @property
    def master_key(self) -> Path:
        return self.data_dir / "master.key"

    @property
    def lock(self) -> Path:
        return self.data_dir / "deployd.lock"

    @property
    def socket(self) -> Path:
        return self.data_dir / "deployd.sock"

    @property
    def offer(self) -> Path:
        """Where a process of which its service manager lost sight waits for the next one."""
        return self.data_dir / "handover.sock"

    @property
    def mirrors(self) -> Path:
        return self.data_dir / "mirrors"

    @property
    def builds(self) -> Path:
        return self.data_dir / "builds"

    @property
    def caches(self) -> Path:
        return self.data_dir / "caches"

    @property
    def toolchains(self) -> Path:
        """Versions of tools that the host itself does not have; shared by all apps."""
        return self.data_dir / "toolchains"

    @property
    def artifacts(self) -> Path:
        return self.data_dir / "artifacts"

    @property
    def releases(self) -> Path:
        return self.data_dir / "releases"

    @property
    def instances(self) -> Path:
        """One file of output for each instance."""
        return self.data_dir / "instances"
