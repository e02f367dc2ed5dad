"""Repositories of several packages: which is deployed, what is built before it, where packages are installed."""

import pytest

from deployd.builders.node.workspaces import find_workspace
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, package, planned, project_of

SERVER = package(name="@shop/api", scripts={"start": "node index.js", "build": "tsc"}, dependencies={"@shop/db": "*"})
SITE = package(name="@shop/web", scripts={"build": "vite build"}, devDependencies={"vite": "8", "@shop/ui": "*"})
LIBRARY = package(name="@shop/db", main="index.js", scripts={"build": "tsc"}, dependencies={"@shop/log": "*"})
DEEPER = package(name="@shop/log", scripts={"build": "tsup"})
INTERFACE = package(name="@shop/ui", main="index.js", devDependencies={"@shop/ui-test": "*"})
TOP: dict[str, str] = {
    "package.json": package(private=True, workspaces=["apps/*", "packages/*"]),
    "package-lock.json": "",
}
ONE: dict[str, str] = {
    **TOP,
    "apps/api/package.json": SERVER,
    "packages/db/package.json": LIBRARY,
    "packages/log/package.json": DEEPER,
    "packages/ui/package.json": INTERFACE,
}
TWO: dict[str, str] = {**ONE, "apps/web/package.json": SITE, "apps/web/index.html": ""}


def test_the_only_package_that_serves_is_taken_and_what_it_needs_is_built_first() -> None:
    plan = planned(ONE)
    assert (plan.root, plan.processes["web"]) == ("apps/api", "node index.js")
    assert plan.steps == (
        "cd ../../packages/log && npm run build",
        "cd ../../packages/db && npm run build",
        "npm run build",
    )
    assert "@shop/api is the only package here that can be served." in plan.reasons
    assert "It depends on @shop/log, @shop/db, built before it." in plan.reasons


def test_packages_are_installed_once_at_the_top() -> None:
    dependencies = planned(ONE).dependencies
    assert dependencies is not None
    assert (dependencies.at, dependencies.reusable) == (".", True)
    folders = ("apps/api", "packages/db", "packages/log", "packages/ui")
    assert ("node_modules", *(f"{folder}/node_modules" for folder in folders)) == dependencies.folders
    manifests = (*(f"{folder}/package.json" for folder in folders), "package.json")
    assert set(manifests) | {"package-lock.json"} == set(dependencies.inputs)


def test_several_packages_that_serve_are_named_with_the_setting() -> None:
    with pytest.raises(
        BuildFailed, match=r"@shop/api \(apps/api\), @shop/web \(apps/web\)\. Say which with `build.workspace`"
    ):
        planned(TWO)


def test_no_package_that_serves_is_said_too() -> None:
    with pytest.raises(BuildFailed, match=r"none with a start: @shop/db \(packages/db\)"):
        planned({**TOP, "packages/db/package.json": LIBRARY})


@pytest.mark.parametrize("wish", ["@shop/web", "apps/web", "./apps/web/", "web"])
def test_a_package_is_wished_for_by_name_or_folder(wish: str) -> None:
    plan = planned(TWO, workspace=wish)
    assert (plan.root, plan.static_root, plan.spa) == ("apps/web", "apps/web/dist", True)
    assert plan.kept == ("apps/web/node_modules/.vite", "apps/web/node_modules/.cache")


def test_a_root_inside_a_workspace_is_the_same_wish() -> None:
    plan = planned(TWO, root="apps/web")
    assert (plan.root, plan.static_root) == ("apps/web", "apps/web/dist")
    assert plan.dependencies is not None
    assert plan.dependencies.at == "."


def test_an_unknown_wish_is_refused_with_the_names() -> None:
    with pytest.raises(BuildFailed, match="not exactly one of the packages here: @shop/api, @shop/web"):
        planned(TWO, workspace="shop")
    with pytest.raises(BuildFailed, match="lists no workspaces"):
        planned({"package.json": SERVER}, workspace="api")


def test_a_root_that_is_no_package_of_the_workspace_stands_alone() -> None:
    files = {**TWO, "tools/x/package.json": package(scripts={"start": "node a.js"}, dependencies={"a": "1"})}
    dependencies = planned(files, root="tools/x").dependencies
    assert dependencies is not None
    assert (dependencies.at, dependencies.folders) == ("tools/x", ("tools/x/node_modules",))


def test_a_top_that_starts_something_is_what_runs() -> None:
    files = {**TWO, "package.json": package(workspaces=["apps/*"], scripts={"start": "npm start -w apps/api"})}
    assert (planned(files).root, planned(files).processes["web"]) == (".", "npm start -w apps/api")


def test_a_top_that_starts_everything_at_once_is_not() -> None:
    scripts = {"start": "turbo run start", "build": "turbo run build"}
    files = {**ONE, "package.json": package(workspaces=["apps/*", "packages/*"], scripts=scripts)}
    assert planned(files).root == "apps/api"


def test_a_process_of_the_procfile_runs_at_the_top() -> None:
    assert planned({**TWO, "Procfile": "web: node apps/api/index.js"}).root == "."


CONDUCTORS: dict[str, tuple[dict[str, str], Files, str]] = {
    "turborepo": (
        {"turbo": "2"},
        {"turbo.json": "{}"},
        "cd ../.. && npx --no-install turbo run build --filter=@shop/api",
    ),
    "nx": ({"nx": "20"}, {"nx.json": "{}"}, "cd ../.. && NX_DAEMON=false npx --no-install nx run @shop/api:build"),
}


@pytest.mark.parametrize("case", CONDUCTORS)
def test_a_tool_that_knows_the_order_is_left_to_it(case: str) -> None:
    packages, more, step = CONDUCTORS[case]
    top = package(workspaces=["apps/*", "packages/*"], devDependencies=packages)
    plan = planned({**ONE, **more, "package.json": top})
    assert (step,) == plan.steps
    assert any(name in plan.kept for name in (".turbo", ".nx/cache"))


def test_pnpm_reads_its_own_file_only() -> None:
    files = {**ONE, "pnpm-workspace.yaml": "packages:\n  - 'apps/*'\n  - '!apps/old'\n", "pnpm-lock.yaml": ""}
    files["apps/old/package.json"] = SERVER
    plan = planned(files)
    assert plan.dependencies is not None
    assert plan.dependencies.folders == ("node_modules", "apps/api/node_modules")
    assert "pnpm-workspace.yaml" in plan.dependencies.inputs


def test_settings_of_pnpm_without_packages_make_no_workspace() -> None:
    files = {"package.json": SERVER, "pnpm-workspace.yaml": "onlyBuiltDependencies: [esbuild]", "pnpm-lock.yaml": ""}
    assert find_workspace(project_of(files)) is None
    assert planned(files).processes["web"] == "node index.js"


@pytest.mark.parametrize(
    ("patterns", "folders"),
    [
        (["packages/*"], ["packages/a"]),
        (["./packages/*/"], ["packages/a"]),
        (["packages/**"], ["packages/a", "packages/a/deep"]),
        (["**"], ["apps/x", "packages/a", "packages/a/deep"]),
        (["packages/**", "!**/deep"], ["packages/a"]),
        (["{apps,packages}/*"], ["apps/x", "packages/a"]),
        (["apps/x", "nowhere"], ["apps/x"]),
        ({"packages": ["apps/?"], "nohoist": []}, ["apps/x"]),
    ],
)
def test_patterns_find_their_packages(patterns: object, folders: list[str]) -> None:
    files = {f"{folder}/package.json": "{}" for folder in ("apps/x", "packages/a", "packages/a/deep")}
    workspace = find_workspace(project_of({"package.json": package(workspaces=patterns), **files}))
    assert workspace is not None
    assert folders == [member.folder for member in workspace.members]


def test_packages_that_need_each_other_are_built_once_each() -> None:
    one = package(name="one", scripts={"build": "a"}, dependencies={"two": "*"})
    two = package(name="two", scripts={"build": "b"}, dependencies={"one": "*"})
    app = package(name="app", scripts={"start": "node x"}, dependencies={"one": "*"})
    files = {
        "package.json": package(workspaces=["*"]),
        "a/package.json": app,
        "1/package.json": one,
        "2/package.json": two,
    }
    assert planned(files).steps == ("cd ../2 && npm run build", "cd ../1 && npm run build")


def test_nexts_standalone_server_of_a_package_lies_deeper() -> None:
    site = package(name="site", scripts={"build": "next build"}, dependencies={"next": "15"})
    files = {**TOP, "apps/site/package.json": site, "apps/site/next.config.js": "output: 'standalone'"}
    assert planned(files).processes["web"] == "node .next/standalone/apps/site/server.js"
