"""Node, Bun and Deno projects: packages installed, built; then a process serves, or the proxy serves what was built."""

from deployd.builders.node import deno
from deployd.builders.node.choose import Place, choose_package
from deployd.builders.node.dependencies import plan_dependencies
from deployd.builders.node.frameworks import FRAMEWORKS, Framework
from deployd.builders.node.managers import BUN, CONVERTED, MANAGERS
from deployd.builders.node.outcome import build_script
from deployd.builders.node.package_manager import Chosen, choose_manager
from deployd.builders.node.start import Service, find_service
from deployd.builders.node.steps import plan_steps
from deployd.builders.node.versions import Wanted, wanted_node
from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.domain.build import BuildPlan, Dependencies, Tool


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    if deno.runs(project):
        return deno.plan(project, declared)
    if not project.has("package.json", "pnpm-workspace.yaml"):
        return None
    place = choose_package(project, declared)
    chosen = choose_manager(place.top.project, place.top.manifest, declared.settings)
    node = wanted_node(place.package.project, place.package.manifest, place.top.project, declared.settings.tools)
    steps, about_steps = plan_steps(place, chosen.manager, declared)
    service = find_service(place.package, declared, place.outcome, chosen.manager, bool(steps), node.version)
    dependencies, about_packages = plan_dependencies(place, chosen, declared, service)
    if not steps and service.output is not None and declared.settings.install is None:
        dependencies, about_packages = None, ("Nothing is built, so no packages are needed.",)
    idle = service.output is not None and not steps and dependencies is None
    tools = () if idle else _tools(place, chosen, node, service, declared)
    about_node = (node.reason,) if any(tool.name == "node" for tool in tools) else ()
    about_manager = chosen.reasons if dependencies else ()
    package, told_spa = place.package.project, declared.settings.spa
    return BuildPlan(
        builder="node",
        why=_why(chosen, dependencies, steps, service, place),
        reasons=(*place.reasons, *about_manager, *about_node, *about_packages, *about_steps, service.reason),
        root=package.root,
        tools=tools,
        dependencies=dependencies,
        steps=steps,
        static_root=None if service.output is None else package.path(service.output),
        spa=service.output is not None and (service.spa if told_spa is None else told_spa),
        processes={**declared.processes, **({"web": service.command} if service.command else {})},
        env={"NODE_ENV": "production", **chosen.env, **(place.outcome.framework.env if place.outcome else {})},
        kept=_kept(place) if steps else (),
    )


def _tools(place: Place, chosen: Chosen, node: Wanted, service: Service, declared: Declared) -> tuple[Tool, ...]:
    own = Tool(name="node", wanted=service.node or node.version)
    tools = (*(() if _only_bun(place, chosen, service) else (own,)), *chosen.tools())
    there = {tool.name for tool in tools}
    more = {**declared.settings.tools}
    if "bun" not in there and service.command.startswith(("bun ", "bunx ")):
        more = {"bun": "", **more}
    return (*tools, *(Tool(name=name, wanted=wanted) for name, wanted in more.items() if name not in there))


def _only_bun(place: Place, chosen: Chosen, service: Service) -> bool:
    """Bun runs scripts by itself; programs written for node still ask for node, unless they are converted."""
    if chosen.manager is CONVERTED:
        return True
    plain = chosen.manager is BUN and place.outcome is None and service.command.startswith("bun ")
    build = place.package.manifest.scripts.get(build_script(place.package.manifest) or "", "bun ")
    return plain and build.startswith("bun ")


def _why(
    chosen: Chosen, dependencies: Dependencies | None, steps: tuple[str, ...], service: Service, place: Place
) -> str:
    kind = "Bun" if chosen.manager.tool == "bun" else "Node"
    name = f"{place.outcome.framework.title} on {kind}" if place.outcome else kind
    lock = f" what {chosen.lockfile} says" if chosen.locked else ""
    parts = [f"{chosen.manager.title} installs{lock}"] if dependencies else ["no packages"]
    after = place.outcome.after if place.outcome else ()
    parts += [f"`{step}`" for step in steps if step not in after][-2:]
    end = f"`{service.command}` serves" if service.output is None else f"the proxy serves {service.output}/"
    return f"{name}: {', '.join(parts)}, then {end}."


def _kept(place: Place) -> tuple[str, ...]:
    package, top = place.package.project, place.top
    own = place.outcome.framework.kept if place.outcome else ("node_modules/.cache",)
    kept = [package.path(name) for name in own]
    if "turbo" in top.manifest.packages:
        kept += [top.project.path(name) for name in (".turbo", "node_modules/.cache/turbo")]
    if "nx" in top.manifest.packages:
        kept.append(top.project.path(".nx/cache"))
    return tuple(dict.fromkeys(kept))


def _row(framework: Framework) -> Recognised:
    signs = [" or ".join(framework.packages), *(f"{name}" for name in framework.files)]
    what = f"{framework.title} ({', '.join(signs)})"
    if framework.refuse:
        return Recognised(what=what, how=f"Refused unless there is a `start` script: {framework.refuse}")
    if framework.output:
        output = framework.output.replace("{where}", "the folder that angular.json names")
        return Recognised(what=what, how=f"`{framework.build}`; the proxy serves {output}.")
    start = framework.start.replace("{where}", "FOLDER").replace("{inside}", "")
    return Recognised(what=what, how=f"`{framework.build}`; `{start}`, unless there is a `start` script.")


RECIPE = Recipe(
    name="node",
    title="Node, Bun and Deno",
    detect=detect,
    marks=("package.json", "deno.json", "deno.jsonc"),
    rows=(
        *(
            Recognised(what=", ".join(manager.lockfiles), how=f"{manager.title}: `{manager.locked}`.")
            for manager in MANAGERS
        ),
        Recognised(
            what="yarn.lock and .pnp.cjs, or a script that loads it",
            how="Plug'n'Play: archives in the project, everything run by yarn. Otherwise Yarn makes a node_modules.",
        ),
        Recognised(what="workspaces of npm, pnpm, Yarn, Bun; Turborepo, Nx", how="One package is built and started."),
        Recognised(
            what="nx.json and an app without scripts of its own",
            how="`nx run APP:build`; the proxy serves the folder that the target or its tool's configuration names, or "
            "node runs the file that it makes of `main`, or `next start` serves.",
        ),
        *(_row(framework) for framework in FRAMEWORKS),
        Recognised(what="package.json with a `start` script", how="The script runs."),
        Recognised(what="package.json with `main`, or server, index, app or main .js or .ts", how="The file runs."),
        *deno.ROWS,
    ),
)
