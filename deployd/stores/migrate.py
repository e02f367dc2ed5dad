"""Decides which migrations a database still needs; each engine applies them in one transaction of its own."""

from deployd.domain.errors import StoreUnusable
from sql.loader import Engine, Migration, migrations

CREATE_TABLE = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)"
NEWEST = "SELECT coalesce(max(version), 0) AS version FROM schema_version"
NOTE = "INSERT INTO schema_version (version, name) VALUES ($1, $2)"


def due(engine: Engine, applied: int, where: str) -> tuple[Migration, ...]:
    """Raises StoreUnusable when the database is ahead of this program. `where` names it to the reader."""
    known = migrations(engine)
    if applied > len(known):
        raise StoreUnusable(
            f"{where} was made by a newer deployd (schema {applied}; this one knows {len(known)}): "
            "upgrade deployd, or restore a backup from before the upgrade."
        )
    return known[applied:]
