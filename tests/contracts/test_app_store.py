"""What an AppStore promises."""

import json

import pytest

from deployd.domain.app import AppSettings, HealthCheck, Limits
from deployd.domain.env import EnvLayer, EnvValue
from deployd.domain.errors import NotFound
from deployd.domain.route import Route
from deployd.domain.secret import Secret
from deployd.ports.stores import Stores
from deployd.stores.database import Database, Statement
from deployd.stores.seal_logins import seal_logins
from tests.contracts.conftest import KEY
from tests.contracts.samples import BLOG, PLAN, SHOP, a_deployment, an_app, an_event, an_instance


async def test_an_app_comes_back_as_it_was_put(stores: Stores) -> None:
    app = an_app(
        settings=AppSettings(
            repo="ssh://git@git.example.com/shop",
            branch="main",
            domains=("shop.example.com", "www.example.com"),
            health=HealthCheck(path="/healthz", gate_seconds=5),
            processes={"web": 2, "worker": 0},
            commands={"web": "serve --port $PORT"},
            limits=Limits(memory_mb=256, cpus=0.5),
        ),
        stopped=True,
    )
    await stores.apps.put(app)
    assert await stores.apps.get("shop") == app


async def test_the_login_to_a_repository_is_stored_encrypted_for_this_app_and_repository(
    stores: Stores, database: Database
) -> None:
    settings = AppSettings(repo="https://git.example.com/shop")
    app = an_app(settings=settings, login=Secret("me:hunter2-xyzzy"))
    await stores.apps.put(app)
    assert await stores.apps.get("shop") == app
    (row,) = await database.fetch("SELECT * FROM apps")
    assert b"hunter2" not in row["login"]
    assert "hunter2" not in str(row)


async def test_logins_that_an_earlier_deployd_left_in_addresses_are_taken_apart_once(
    stores: Stores, database: Database
) -> None:
    await stores.apps.put(an_app(settings=AppSettings(repo="https://git.example.com/shop", domains=("a.test",))))
    for before in ("https://me:hunter2@git.example.com/shop", "https://me:hunter2#xyzzy@git.example.com/shop"):
        plain = json.dumps({"repo": before, "domains": ["a.test"]})
        await database.transact(Statement("UPDATE apps SET settings = $1, login = NULL", (plain,)))
        assert await seal_logins(database, KEY) == 1
        assert await seal_logins(database, KEY) == 0
        (row,) = await database.fetch("SELECT * FROM apps")
        assert "hunter2" not in str(row)
        app = await stores.apps.get("shop")
        assert app.settings == AppSettings(repo="https://git.example.com/shop", domains=("a.test",))
        assert app.login is not None
        assert before == f"https://{app.login.reveal()}@git.example.com/shop"


async def test_putting_again_replaces_settings_and_keeps_what_belongs_to_it(stores: Stores) -> None:
    await stores.apps.put(an_app())
    release = await stores.releases.add(SHOP, "digest", "sha", "first", PLAN, 0, 1)
    changed = an_app(settings=AppSettings(upstream="127.0.0.1:9000"), stopped=True)
    await stores.apps.put(changed)
    assert await stores.apps.all() == [changed]
    assert await stores.releases.of_app(SHOP) == [release]


async def test_apps_are_listed_by_name(stores: Stores) -> None:
    for name in ("shop", "a1", "blog"):
        await stores.apps.put(an_app(name))
    assert [app.name for app in await stores.apps.all()] == ["a1", "blog", "shop"]


async def test_one_that_may_not_be_there_can_be_looked_for(stores: Stores) -> None:
    await stores.apps.put(an_app(SHOP))
    assert await stores.apps.find(SHOP) == an_app(SHOP)
    assert await stores.apps.find(BLOG) is None


async def test_an_app_is_put_together_with_its_event(stores: Stores) -> None:
    feed = stores.events.subscribe()
    await stores.apps.put(an_app(SHOP), an_event(1))
    assert await feed.next() == an_event(1)
    assert await stores.events.recent(10) == [an_event(1)]


async def test_an_unknown_app_is_not_found_with_its_name(stores: Stores) -> None:
    with pytest.raises(NotFound, match="no app named 'shop'"):
        await stores.apps.get("shop")


async def test_removing_an_app_removes_what_belongs_to_it_and_nothing_else(stores: Stores) -> None:
    for name in (SHOP, BLOG):
        await stores.apps.put(an_app(name))
        await stores.deployments.add(a_deployment(app=name, number=1 if name == SHOP else 2))
        await stores.releases.add(name, f"digest of {name}", "sha", "first", PLAN, 0, 1)
        await stores.instances.put(an_instance(app=name, number=1 if name == SHOP else 2))
        await stores.routes.put(Route(app=name, hosts=(f"{name}.localhost",)))
        await stores.envs.write(name, EnvLayer.SET, {"A": EnvValue(value=Secret(name), secret=False)}, 1)
    await stores.events.record(an_event())
    await stores.apps.remove(SHOP)

    assert [app.name for app in await stores.apps.all()] == [BLOG]
    assert [row.app for row in await stores.deployments.unfinished()] == [BLOG]
    assert await stores.deployments.journal(a_deployment(1).id) == []
    assert await stores.releases.artifacts() == {"digest of blog"}
    assert [row.app for row in await stores.instances.all()] == [BLOG]
    assert [row.app for row in await stores.routes.all()] == [BLOG]
    assert (await stores.envs.read(SHOP)).version == 0
    assert (await stores.envs.read(BLOG)).plain() == {"A": "blog"}
    assert await stores.events.recent(10) == [an_event()]
