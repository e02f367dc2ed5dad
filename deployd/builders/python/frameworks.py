"""The web frameworks whose app is an object in a module: how it is found, and what kind of server it needs."""

import re
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from deployd.builders.project import Project
from deployd.builders.python.modules import Module, modules

_NAME = r"^(\w+)\s*(?::[^=\n]+)?=\s*"
_MAKERS = "create_app|make_app|build_app|get_app|create_application|get_application|app_factory"
_FACTORY = re.compile(rf"^def ({_MAKERS})\((?:\s*|\s*\*.*|\s*\w+\s*(?::[^=,()]+)?=[^()]*)\)", re.M)
_MADE = re.compile(rf"{_NAME}(?:\w+\.)*(?:{_MAKERS})\(", re.M)
_PASSED_ON = re.compile(r"^from [\w.]+ import (?:.*\bas )?(app|application)\s*(?:#.*)?$", re.M)


class Kind(StrEnum):
    ASGI = "asgi"
    WSGI = "wsgi"
    AIOHTTP = "aiohttp"
    SANIC = "sanic"


@dataclass(frozen=True, kw_only=True)
class Framework:
    """`package` is what is imported and, unless `distribution` says otherwise, installed."""

    title: str
    package: str
    kind: Kind
    made_by: str
    distribution: str = ""

    @property
    def installed_as(self) -> str:
        return self.distribution or self.package

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(rf"{_NAME}(?:\w+\.)*{self.made_by}", re.M)


@dataclass(frozen=True, kw_only=True)
class App:
    """`name` is the object, or the function that makes it when `factory`."""

    framework: Framework
    module: Module
    name: str
    factory: bool = False


FRAMEWORKS = (
    Framework(title="FastAPI", package="fastapi", kind=Kind.ASGI, made_by=r"FastAPI\("),
    Framework(
        title="FastHTML",
        package="fasthtml",
        kind=Kind.ASGI,
        made_by=r"(?:FastHTML|FastHTMLWithLiveReload)\(",
        distribution="python-fasthtml",
    ),
    Framework(title="Litestar", package="litestar", kind=Kind.ASGI, made_by=r"Litestar\("),
    Framework(title="Quart", package="quart", kind=Kind.ASGI, made_by=r"Quart\("),
    Framework(title="Sanic", package="sanic", kind=Kind.SANIC, made_by=r"Sanic\("),
    Framework(title="BlackSheep", package="blacksheep", kind=Kind.ASGI, made_by=r"Application\("),
    Framework(
        title="Falcon (ASGI)", package="falcon.asgi", kind=Kind.ASGI, made_by=r"asgi\.App\(", distribution="falcon"
    ),
    Framework(title="Starlette", package="starlette", kind=Kind.ASGI, made_by=r"Starlette\("),
    Framework(title="aiohttp", package="aiohttp", kind=Kind.AIOHTTP, made_by=r"Application\("),
    Framework(title="Dash", package="dash", kind=Kind.WSGI, made_by=r"server\s*$"),
    Framework(title="Flask", package="flask", kind=Kind.WSGI, made_by=r"Flask\("),
    Framework(title="Falcon", package="falcon", kind=Kind.WSGI, made_by=r"(?:App|API)\("),
    Framework(title="Bottle", package="bottle", kind=Kind.WSGI, made_by=r"(?:Bottle|default_app)\("),
)


def find_app(project: Project, packages: Set[str]) -> App | None:
    """An object that is there before a function that makes one; the usual files first."""
    makers: list[App] = []
    asked = [framework for framework in FRAMEWORKS if framework.installed_as in packages]
    for module in modules(project):
        imported = [framework for framework in FRAMEWORKS if _imports(module.text, framework.package)]
        for framework in imported:
            if found := framework.pattern.search(module.text):
                return App(framework=framework, module=module, name=found[1])
        likely = (imported or asked)[:1]
        if likely and (found := _MADE.search(module.text) or _passed_on(module)):
            return App(framework=likely[0], module=module, name=found[1])
        if likely and (found := _FACTORY.search(module.text)):
            makers.append(App(framework=likely[0], module=module, name=found[1], factory=True))
    return makers[0] if makers else None


def _passed_on(module: Module) -> re.Match[str] | None:
    return _PASSED_ON.search(module.text) if module.file in ("wsgi.py", "asgi.py") else None


def _imports(text: str, package: str) -> bool:
    parent, _, last = package.rpartition(".")
    nested = rf"|^[ \t]*from {re.escape(parent)} import .*\b{last}\b" if parent else ""
    return re.search(rf"^[ \t]*(?:from|import) {re.escape(package)}\b{nested}", text, re.M) is not None
