"""Deno projects, as a table."""

import pytest

from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, package, planned

LISTEN = "DENO_SERVE_ADDRESS=tcp:127.0.0.1:$PORT"
SERVED: dict[str, tuple[Files, str]] = {
    "a task": ({"deno.json": '{"tasks": {"start": "deno run -A x.ts"}}'}, f"{LISTEN} deno task start"),
    "a task with a comment beside it": (
        {"deno.jsonc": '{"tasks": {"start": {"command": "deno run -A x.ts"}}, // why\n}'},
        f"{LISTEN} deno task start",
    ),
    "the main file": ({"deno.json": "{}", "main.ts": "Deno.serve(f)"}, f"{LISTEN} deno run --allow-all main.ts"),
    "a server that is exported": (
        {"deno.json": "{}", "main.ts": "export default { fetch }"},
        "deno serve --allow-all --host 127.0.0.1 --port $PORT main.ts",
    ),
    "a task that watches": (
        {"deno.json": '{"tasks": {"start": "deno run --watch main.ts"}}', "src/server.ts": ""},
        f"{LISTEN} deno run --allow-all src/server.ts",
    ),
    "a lockfile and a main file": ({"deno.lock": "{}", "main.ts": ""}, f"{LISTEN} deno run --allow-all main.ts"),
    "a task beside a package.json without a start": (
        {"deno.json": '{"tasks": {"start": "deno run x.ts"}}', "package.json": package(dependencies={"a": "1"})},
        f"{LISTEN} deno task start",
    ),
    "a procfile": ({"deno.json": "{}", "Procfile": "web: deno run x.ts"}, "deno run x.ts"),
}


@pytest.mark.parametrize("case", SERVED)
def test_what_starts_a_deno_project_is_found(case: str) -> None:
    files, web = SERVED[case]
    plan = planned(files)
    assert (web, ["deno"]) == (plan.processes["web"], [tool.name for tool in plan.tools])


def test_packages_lie_in_the_project_and_a_build_task_runs() -> None:
    plan = planned({"deno.json": '{"tasks": {"build": "x"}}', "deno.lock": "{}", "main.ts": ""}, tools={"deno": "2"})
    assert plan.dependencies is not None
    assert plan.dependencies.steps == ("deno install --frozen", "deno install --frozen --entrypoint main.ts")
    assert (plan.dependencies.folders, plan.dependencies.reusable) == ((".deno", "node_modules"), True)
    assert (plan.steps, plan.env["DENO_DIR"], plan.tools[0].wanted) == (("deno task build",), ".deno", "2")


def test_node_wins_where_deno_has_no_task_of_its_own() -> None:
    assert (
        planned({"deno.json": "{}", "package.json": package(scripts={"start": "node a.js"})}).processes["web"]
        == "node a.js"
    )


def test_a_deno_project_without_a_start_is_refused() -> None:
    with pytest.raises(BuildFailed, match=r"no `start` task and there is no main\.ts"):
        planned({"deno.json": "{}"})
