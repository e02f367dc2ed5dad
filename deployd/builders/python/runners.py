"""Frameworks that are their own server and run a file: Streamlit, Gradio and their like."""

import re
from collections.abc import Set
from dataclasses import dataclass

from deployd.builders.project import Project
from deployd.builders.python.modules import Module, modules
from deployd.builders.python.servers import ADDRESS


@dataclass(frozen=True, kw_only=True)
class Runner:
    """`starts` is what tells the file to run among those that import the package."""

    title: str
    package: str
    command: str
    starts: str = ""
    usual: tuple[str, ...] = ("app.py", "main.py")
    health: str | None = None


RUNNERS = (
    Runner(
        title="Streamlit",
        package="streamlit",
        command=f"streamlit run {{file}} --server.port $PORT --server.address {ADDRESS} --server.headless true "
        "--browser.gatherUsageStats false",
        usual=("streamlit_app.py", "app.py", "main.py", "Home.py"),
        health="/_stcore/health",
    ),
    Runner(
        title="Gradio",
        package="gradio",
        command=f"GRADIO_SERVER_PORT=$PORT GRADIO_SERVER_NAME={ADDRESS} python {{file}}",
        starts=r"\.launch\(",
    ),
    Runner(
        title="Chainlit",
        package="chainlit",
        command=f"chainlit run {{file}} --host {ADDRESS} --port $PORT --headless",
    ),
    Runner(
        title="Panel",
        package="panel",
        command=f"panel serve {{file}} --address {ADDRESS} --port $PORT",
        starts="servable",
    ),
)


def find_runner(project: Project, packages: Set[str]) -> tuple[Runner, Module] | None:
    asked = [runner for runner in RUNNERS if runner.package in packages]
    if not asked:
        return None
    found = list(modules(project))
    for runner in asked:
        able = [module for module in found if _runs(module, runner)]
        able.sort(key=lambda module: runner.usual.index(module.file) if module.file in runner.usual else 99)
        if able:
            return runner, able[0]
    return None


def _runs(module: Module, runner: Runner) -> bool:
    imported = re.search(rf"^[ \t]*(?:from|import) {runner.package}\b", module.text, re.M)
    return imported is not None and (not runner.starts or re.search(runner.starts, module.text) is not None)
