"""Workspaces of Nx whose apps no package.json speaks for: which there are, how one is built, what it leaves."""

from typing import Any

import pytest

from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, package, planned

TOP: dict[str, str] = {
    "package.json": package(private=True, dependencies={"express": "5"}, devDependencies={"nx": "21", "vite": "6"}),
    "package-lock.json": "",
    "nx.json": "{}",
}
SERVE = {"executor": "@nx/js:node", "options": {"buildTarget": "api:build"}}
VITE = "export default { build: { outDir: '../../dist/apps/web' } }"
WEBPACK = "module.exports = { output: { path: join(__dirname, '../../dist/apps/api') }, target: 'node' }"


def project(name: str, **targets: object) -> str:
    return package(name=name, projectType="application", targets=targets)


def target(executor: str, **options: object) -> dict[str, Any]:
    return {"executor": executor, "options": {"main": "apps/api/src/main.ts", **options}}


def by_package(**targets: object) -> str:
    return package(name="@shop/api", private=True, nx={"targets": targets})


SITE: dict[str, str] = {
    "apps/web/project.json": project("web"),
    "apps/web/vite.config.mts": VITE,
    "apps/web/index.html": "",
}
API: dict[str, str] = {"apps/api/project.json": project("api", serve=SERVE), "apps/api/webpack.config.js": WEBPACK}
WORKSPACES = {"package.json": package(workspaces=["apps/*"], devDependencies={"nx": "21"})}
ESBUILD = target("@nx/esbuild:esbuild", outputPath="apps/api/dist", format=["cjs"])

SERVERS: dict[str, tuple[Files, str, str]] = {
    "webpack by its configuration": (API, "api:build", "dist/apps/api/main.js"),
    "webpack by its target": (
        {
            "apps/api/project.json": project(
                "api", build=target("@nx/webpack:webpack", target="node", outputPath="dist/apps/api")
            )
        },
        "api:build",
        "dist/apps/api/main.js",
    ),
    "esbuild": (
        {"apps/api/project.json": project("api", serve=SERVE, build=ESBUILD)}, "api:build", "apps/api/dist/main.cjs"
    ),
    "esbuild with an ending of its own, in a package.json": (
        {
            **WORKSPACES,
            "apps/api/package.json": by_package(
                serve=SERVE,
                build={
                    **target(
                        "@nx/esbuild:esbuild",
                        outputPath="{projectRoot}/dist",
                        format=["cjs"],
                        esbuildOptions={"outExtension": {".js": ".js"}},
                    ),
                    "configurations": {"production": {}},
                },
            ),
        },
        "@shop/api:build:production",
        "apps/api/dist/main.js",
    ),
    "tsc": (
        {"apps/api/project.json": project("api", serve=SERVE, build=target("@nx/js:tsc"))},
        "api:build",
        "dist/apps/api/src/main.js",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SERVERS)
def test_a_server_is_built_by_nx_and_started_at_the_top(case: str) -> None:
    files, name, entry = SERVERS[case]
    plan = planned({**TOP, **files})
    assert (plan.root, plan.processes) == (".", {"web": f"node {entry}"})
    assert plan.steps == (f"NX_DAEMON=false npx --no-install nx run {name}",)
    assert plan.kept == (".nx/cache",)


SITES: dict[str, tuple[Files, str]] = {
    "vite by its configuration": (SITE, "dist/apps/web"),
    "vite in a package": (
        {
            **WORKSPACES,
            "apps/web/package.json": package(name="@shop/web"),
            "apps/web/vite.config.ts": "build: { outDir: './dist' }",
            "apps/web/index.html": "",
        },
        "apps/web/dist",
    ),
    "vite without a word": ({**SITE, "apps/web/vite.config.mts": "export default {}"}, "dist/apps/web"),
    "angular": (
        {
            "apps/web/project.json": project("web", build=target("@angular/build:application", outputPath="dist/web")),
            "apps/web/src/index.html": "",
        },
        "dist/web/browser",
    ),
}


@pytest.mark.parametrize("case", SITES)
def test_a_site_is_built_by_nx_and_served_for_unknown_paths_too(case: str) -> None:
    files, folder = SITES[case]
    plan = planned({**TOP, **files})
    assert (plan.static_root, plan.spa, plan.processes) == (folder, True, {})


NEXT: dict[str, tuple[Files, str]] = {
    "in its folder": ({}, "apps/web"),
    "where the executor puts it": (
        {"apps/web/project.json": project("web", build=target("@nx/next:build", outputPath="dist/apps/web"))},
        "dist/apps/web",
    ),
}


@pytest.mark.parametrize("case", NEXT)
def test_next_starts_from_where_it_was_built_and_keeps_what_its_configuration_loads(case: str) -> None:
    files, folder = NEXT[case]
    packages = package(dependencies={"next": "15"}, devDependencies={"nx": "21", "@nx/next": "21"})
    shop = {**TOP, "package.json": packages, "apps/web/project.json": project("web"), "apps/web/next.config.js": ""}
    plan = planned({**shop, **files})
    assert plan.processes == {"web": f"next start {folder} -p $PORT"}
    assert plan.steps == ("NX_DAEMON=false npx --no-install nx run web:build",)
    assert plan.dependencies is not None
    assert plan.dependencies.prune == ()


def test_libraries_tests_and_installed_packages_are_no_apps() -> None:
    library = package(name="ui", projectType="library")
    more = {"libs/ui/project.json": library, "libs/ui/vite.config.ts": "", "libs/ui/index.html": ""}
    tests = {"apps/api-e2e/project.json": project("api-e2e", e2e={"executor": "@nx/jest:jest"})}
    installed = {f"node_modules/{name}": text for name, text in SITE.items()}
    assert planned({**TOP, **API, **more, **tests, **installed}).processes == {"web": "node dist/apps/api/main.js"}


def test_one_of_several_apps_has_to_be_named() -> None:
    with pytest.raises(BuildFailed, match=r"Nx has several apps here: api \(apps/api\), web \(apps/web\)\. Say which"):
        planned({**TOP, **API, **SITE})
    with pytest.raises(BuildFailed, match=r"'shop', which is not exactly one of the apps of Nx here: api"):
        planned({**TOP, **API, **SITE}, workspace="shop")


@pytest.mark.parametrize("wish", ["web", "apps/web", "./apps/web/"])
def test_the_setting_names_an_app_by_name_or_folder(wish: str) -> None:
    assert planned({**TOP, **API, **SITE}, workspace=wish).static_root == "dist/apps/web"


def test_the_folder_of_a_package_may_be_the_root() -> None:
    files = {**TOP, **WORKSPACES, **SITE, "apps/web/package.json": package(name="@shop/web")}
    assert planned({**files, **API}, root="apps/web").static_root == "dist/apps/web"


def test_an_output_outside_of_the_repository_is_no_app() -> None:
    with pytest.raises(BuildFailed, match="no `start` script"):
        planned({**TOP, **SITE, "apps/web/vite.config.mts": "outDir: '../../../elsewhere'"})


def test_what_the_owner_says_goes_before_nx() -> None:
    start = package(scripts={"start": "node dist/apps/api/main.js"}, devDependencies={"nx": "21"})
    assert planned({**TOP, **API, "package.json": start}).steps == ()
    plan = planned({**TOP, **API, "Procfile": "web: node dist/apps/api/main.js"}, build="npx nx build api")
    assert plan.steps == ("npx nx build api",)
