"""A plan in words."""

from deployd.domain.build import BuildPlan, Dependencies, Tool
from deployd.domain.plan_text import plan_lines


def test_a_plan_with_everything_is_told_in_the_order_it_happens() -> None:
    plan = BuildPlan(
        builder="node",
        why="Next.js: pnpm installs, then `next start`.",
        reasons=("pnpm-lock.yaml says pnpm.", "Dockerfile is here too and not used."),
        root="apps/web",
        tools=(Tool(name="node", wanted=">=20", version="22.1.0"), Tool(name="pnpm", wanted="9"), Tool(name="bun")),
        dependencies=Dependencies(
            steps=("pnpm install",),
            folders=("node_modules", "apps/web/node_modules"),
            inputs=("pnpm-lock.yaml",),
            reusable=True,
            prune=("pnpm prune --prod",),
        ),
        steps=("pnpm run build",),
        processes={"web": "next start", "worker": "node work.js"},
        env={"NODE_ENV": "secret-value", "A": "b"},
        kept=("apps/web/.next/cache",),
        health="/healthz",
    )
    assert plan_lines(plan) == [
        "Plan (node in apps/web/): Next.js: pnpm installs, then `next start`.",
        "  pnpm-lock.yaml says pnpm.",
        "  Dockerfile is here too and not used.",
        "Tools: node 22.1.0, pnpm 9, bun",
        "Install: pnpm install",
        "Kept for the next build: node_modules, apps/web/node_modules, as long as pnpm-lock.yaml stays the same",
        "Build: pnpm run build",
        "Prune: pnpm prune --prod",
        "Process web: next start",
        "Process worker: node work.js",
        "Env: A, NODE_ENV",
        "Kept for the next build: apps/web/.next/cache",
        "Health: /healthz",
    ]


def test_a_plan_with_nothing_to_do_is_one_line_and_where_it_is_served() -> None:
    plan = BuildPlan(builder="static", why="Static files.", static_root=".")
    assert plan_lines(plan) == ["Plan (static): Static files.", "Served: the whole folder, by the proxy"]


def test_a_single_page_is_told() -> None:
    plan = BuildPlan(builder="static", why="Static files.", static_root="dist", spa=True)
    assert plan_lines(plan)[-1] == "Served: dist/, by the proxy, index.html for unknown paths"


def test_packages_that_are_installed_elsewhere_say_where() -> None:
    plan = BuildPlan(builder="x", why="y", dependencies=Dependencies(steps=("get",), folders=(), at="api"))
    assert plan_lines(plan)[-1] == "Install in api/: get"
