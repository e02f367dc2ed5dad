"""A build plan in words: the same lines open a build log and answer `deployd plan`."""

from collections.abc import Iterator

from deployd.domain.build import BuildPlan, Dependencies, Tool


def plan_lines(plan: BuildPlan) -> list[str]:
    """One fact a line; values of variables are not among them."""
    return [f"{label}: {text}" if label else f"  {text}" for label, text in plan_parts(plan)]


def plan_parts(plan: BuildPlan) -> list[tuple[str, str]]:
    """Pairs of label and text; a reason has no label."""
    return [
        (f"Plan ({plan.builder}{_at(plan.root)})", plan.why),
        *(("", reason) for reason in plan.reasons),
        *_tools(plan.tools),
        *_install(plan.dependencies),
        *(("Build", step) for step in plan.steps),
        *(("Prune", step) for step in (plan.dependencies.prune if plan.dependencies else ())),
        *_serving(plan),
        *((f"Process {name}", command) for name, command in plan.processes.items()),
        *([("Env", ", ".join(sorted(plan.env)))] if plan.env else []),
        *([("Kept for the next build", ", ".join(plan.kept))] if plan.kept else []),
        *([("Health", plan.health)] if plan.health else []),
    ]


def _tools(tools: tuple[Tool, ...]) -> Iterator[tuple[str, str]]:
    if tools:
        yield "Tools", ", ".join(f"{tool.name} {tool.version or tool.wanted}".rstrip() for tool in tools)


def _install(dependencies: Dependencies | None) -> Iterator[tuple[str, str]]:
    if dependencies is None:
        return
    for step in dependencies.steps:
        yield f"Install{_at(dependencies.at)}", step
    if dependencies.reusable and dependencies.steps:
        folders, inputs = ", ".join(dependencies.folders), ", ".join(dependencies.inputs)
        yield "Kept for the next build", f"{folders}, as long as {inputs or 'its tools'} stays the same"


def _serving(plan: BuildPlan) -> Iterator[tuple[str, str]]:
    if plan.static_root is not None:
        folder = "the whole folder" if plan.static_root == "." else f"{plan.static_root}/"
        yield "Served", f"{folder}, by the proxy" + (", index.html for unknown paths" if plan.spa else "")


def _at(folder: str) -> str:
    return "" if folder == "." else f" in {folder}/"
