"""Things to store: whole ones, of which a test names only what it is about."""

from typing import Any

from deployd.domain.app import App, AppSettings
from deployd.domain.build import BuildPlan
from deployd.domain.deployment import Deployment, Stage, Trigger
from deployd.domain.event import Event, EventType
from deployd.domain.ids import AppName, DeploymentId, EventId, InstanceId
from deployd.domain.instance import Instance, InstanceState

SHOP = AppName("shop")
BLOG = AppName("blog")
PLAN = BuildPlan(builder="node", why="it has a package.json", steps=("npm ci",), processes={"web": "node ."})


def an_app(name: str = SHOP, **changes: Any) -> App:
    fields: dict[str, Any] = {"settings": AppSettings(repo="https://git.example.com/shop.git"), "created_ms": 1_000}
    return App(name=AppName(name), **{**fields, **changes})


def a_deployment(number: int = 1, app: str = SHOP, **changes: Any) -> Deployment:
    fields: dict[str, Any] = {"trigger": Trigger.API, "by": "tests", "stage": Stage.QUEUED, "requested_ms": 1_000}
    return Deployment(id=DeploymentId(f"dep-{number}"), app=AppName(app), **{**fields, **changes})


def an_instance(number: int = 1, app: str = SHOP, **changes: Any) -> Instance:
    fields: dict[str, Any] = {
        "release": 1,
        "deployment": DeploymentId("dep-1"),
        "process": "web.1",
        "state": InstanceState.STARTING,
        "created_ms": 1_000,
    }
    return Instance(id=InstanceId(f"ins-{number}"), app=AppName(app), **{**fields, **changes})


def an_event(number: int = 1, **changes: Any) -> Event:
    fields: dict[str, Any] = {"type": EventType.APP_CREATED, "time_ms": 1_000, "subject": SHOP, "app": SHOP}
    return Event(id=EventId(f"evt-{number}"), **{**fields, **changes})
