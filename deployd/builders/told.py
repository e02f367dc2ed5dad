"""Puts the words of the user into a plan that has one step to install, one to build and one way to serve."""

import posixpath

import msgspec

from deployd.builders.project import Declared
from deployd.domain.build import BuildPlan, BuildSettings, Dependencies, Tool
from deployd.domain.errors import BuildFailed


def as_told(plan: BuildPlan, settings: BuildSettings) -> BuildPlan:
    """`install`, `build`, `output` and `spa` in place of what was detected; `start` has come as the command of web."""
    if settings.install is not None:
        plan = msgspec.structs.replace(plan, dependencies=_installed(plan, settings.install))
    if settings.build is not None:
        plan = msgspec.structs.replace(plan, steps=(settings.build,) if settings.build else ())
    if settings.output is not None:
        folder = posixpath.normpath(posixpath.join(plan.root, settings.output))
        plan = msgspec.structs.replace(plan, static_root=folder, processes={}, health=None)
    return msgspec.structs.replace(plan, spa=bool(settings.spa) if settings.spa is not None else plan.spa)


def tool(name: str, settings: BuildSettings, wanted: str = "") -> Tool:
    """The version that `build.tools` asks for wins over the one that the project asks for."""
    return Tool(name=name, wanted=settings.tools.get(name, wanted))


def refuse_build_alone(declared: Declared, language: str) -> None:
    """For languages where the build makes the file that runs: another build makes another file."""
    settings = declared.settings
    if settings.build is not None and settings.output is None and "web" not in declared.processes:
        raise BuildFailed(
            f"`build.build` says how this {language} project is built: say in `build.start` what runs then."
        )


def _installed(plan: BuildPlan, command: str) -> Dependencies | None:
    """Not taken over from build to build: nobody knows what a command of the user's own depends on."""
    if not command:
        return None
    folders = plan.dependencies.folders if plan.dependencies else ()
    return Dependencies(steps=(command,), folders=folders, at=plan.root)
