"""Takes the logins out of repositories' addresses that an earlier deployd stored with them."""

import json

from deployd.domain.repository_address import RepositoryAddress
from deployd.stores.apps import seal_login
from deployd.stores.database import Database, Statement
from deployd.stores.master_key import MasterKey
from sql.loader import queries

_SQL = queries("apps")


async def seal_logins(database: Database, key: MasterKey) -> int:
    """How many there were; a row that cannot be read is left as it is. A second time there are none."""
    sealed = 0
    for row in await database.fetch(_SQL["with_login_in_settings"]):
        try:
            settings = json.loads(row["settings"])
            address = RepositoryAddress.salvaged(settings["repo"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if address.login is not None:
            settings["repo"] = address.url
            login = seal_login(key, row["name"], address.url, address.login)
            change = (row["name"], row["settings"], json.dumps(settings, ensure_ascii=False), login)
            await database.transact(Statement(_SQL["take_login_apart"], change))
            sealed += 1
    return sealed
