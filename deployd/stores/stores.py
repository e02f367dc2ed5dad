"""All SQL-backed ports over one database."""

from pathlib import Path

from deployd.domain.errors import UserMistake
from deployd.ports.stores import Stores
from deployd.stores.apps import SqlAppStore
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.certificates import SqlCertificateStore
from deployd.stores.database import Database
from deployd.stores.deployments import SqlDeploymentStore
from deployd.stores.env import SqlEnvStore
from deployd.stores.events import SqlEventLog
from deployd.stores.instances import SqlInstanceStore
from deployd.stores.master_key import MasterKey
from deployd.stores.releases import SqlReleaseStore
from deployd.stores.routes import SqlRouteStore
from deployd.stores.sqlite import SqliteDatabase
from deployd.stores.tokens import SqlTokenStore


async def open_database(file: Path, url: str) -> Database:
    """PostgreSQL at `url`, or the SQLite file when that is empty; migrated. StoreUnusable says why it cannot be."""
    if not url:
        return await SqliteDatabase.open(file)
    try:
        from deployd.stores.postgres import PostgresDatabase  # Costs 16 MB, which only its users shall pay.
    except ImportError as error:
        raise UserMistake(
            "`database.url` names PostgreSQL, but asyncpg is not installed: pip install asyncpg."
        ) from error
    return await PostgresDatabase.open(url)


def open_stores(database: Database, key: MasterKey) -> Stores:
    broken = BrokenRows()
    events = SqlEventLog(database, broken)
    return Stores(
        apps=SqlAppStore(database, key, events, broken),
        deployments=SqlDeploymentStore(database, events, broken),
        releases=SqlReleaseStore(database, broken),
        instances=SqlInstanceStore(database, broken),
        routes=SqlRouteStore(database, broken),
        envs=SqlEnvStore(database, key, broken),
        events=events,
        tokens=SqlTokenStore(database, broken),
        certificates=SqlCertificateStore(database, key, broken),
        broken=broken.sentences,
    )
