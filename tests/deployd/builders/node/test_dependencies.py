"""Packages in a plan: what is installed, when it may be taken over, and what is left out of the artifact."""

from typing import Any

import pytest

from deployd.domain.build import Dependencies
from tests.deployd.builders.projects import Files, package, planned

NPM_PRUNE = "npm prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=warn"
NPM_CI = "npm ci --include=dev --prefer-offline --no-audit --no-fund --loglevel=warn"


def dependencies_of(files: Files, **settings: Any) -> Dependencies:
    found = planned(files, **settings).dependencies
    assert found is not None
    return found


def app(scripts: dict[str, str] | None = None, **fields: object) -> dict[str, str]:
    about = {"dependencies": {"express": "5"}, "devDependencies": {"typescript": "5", "tsx": "4"}, **fields}
    return {
        "package.json": package(scripts={"start": "node a.js", **(scripts or {})}, **about),
        "package-lock.json": "",
    }


def test_development_packages_are_there_for_the_build_and_go_after_it() -> None:
    found = dependencies_of(app({"build": "tsc"}))
    assert (found.steps, found.prune) == ((NPM_CI,), (NPM_PRUNE,))
    assert found.folders == ("node_modules",)
    assert found.inputs == ("package-lock.json", "package.json")
    assert found.reusable


def test_no_development_packages_means_nothing_to_take_out() -> None:
    assert dependencies_of(app(devDependencies={})).prune == ()


def test_a_project_without_packages_installs_nothing() -> None:
    plan = planned({"package.json": package(scripts={"start": "node a.js"}), "package-lock.json": ""})
    assert plan.dependencies is None
    assert "There are no packages to install." in plan.reasons


def test_scripts_of_the_installation_run_even_without_packages() -> None:
    found = dependencies_of({"package.json": package(scripts={"start": "node a.js", "postinstall": "node make.js"})})
    assert found.on_reuse == ("npm run postinstall",)


def test_scripts_that_read_the_source_run_again_when_packages_are_taken_over() -> None:
    scripts = {"prepare": "husky", "postinstall": "patch-package", "preinstall": "npx only-allow npm"}
    assert dependencies_of(app(scripts)).on_reuse == ("npm run postinstall", "npm run prepare")
    top = package(workspaces=["a"], scripts={"postinstall": "x"})
    member = package(scripts={"start": "node a.js", "prepare": "y", "install": "z"})
    found = dependencies_of({"package.json": top, "a/package.json": member, "yarn.lock": "__metadata:\n  version: 8"})
    assert found.on_reuse == ("yarn run postinstall", "cd a && yarn run install")


def test_all_that_decides_about_the_packages_is_an_input() -> None:
    files = {
        **app(),
        ".npmrc": "",
        "patches/a.patch": "",
        ".pnpmfile.cjs": "",
        "pnpm-lock.yaml": "",
        "pnpm-workspace.yaml": "",
        "prisma/schema.prisma": "",
        "src/a.ts": "",
        "bunfig.toml": "",
    }
    del files["package-lock.json"]
    expected = (
        ".npmrc",
        ".pnpmfile.cjs",
        "package.json",
        "patches/a.patch",
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        "prisma/schema.prisma",
    )
    assert expected == dependencies_of(files).inputs


@pytest.mark.parametrize(("wanted", "reusable"), [("file:../lib", False), ("file:./a.tgz", True), ("^1.0.0", True)])
def test_a_folder_that_is_installed_as_a_copy_keeps_packages_from_being_taken_over(wanted: str, reusable: bool) -> None:
    assert reusable == dependencies_of(app(dependencies={"lib": wanted})).reusable


STAY: dict[str, tuple[Files, str]] = {
    "the start script": (app({"start": "tsx a.ts"}), "what runs needs tsx"),
    "through other scripts": (app({"start": "npm run serve && x", "serve": "tsx a.ts"}), "what runs needs tsx"),
    "an option": (app({"start": "node --import tsx a.ts"}), "what runs needs tsx"),
    "another process": ({**app(), "Procfile": "worker: npx tsx w.ts"}, "what runs needs tsx"),
    "an entry file": (
        {"package.json": package(devDependencies={"tsx": "4"}), "src/index.ts": ""},
        "what runs needs tsx",
    ),
    "next's configuration": (
        {**app({"start": "next start"}, dependencies={"next": "15"}), "next.config.ts": ""},
        "typescript",
    ),
    "bun with scripts": (
        {"package.json": app({"prepare": "husky"})["package.json"], "bun.lock": ""},
        "Bun takes none out",
    ),
    "bun with prisma": (
        {"package.json": app(dependencies={"@prisma/client": "6"})["package.json"], "bun.lock": ""},
        "Prisma",
    ),
    "yarn 3": (
        {"package.json": app(packageManager="yarn@3.6.1")["package.json"], "yarn.lock": ""},
        "workspace-tools",
    ),
    "plug'n'play": (
        {"package.json": app(packageManager="yarn@4.1.0")["package.json"], "yarn.lock": "", ".pnp.cjs": ""},
        "Plug'n'Play",
    ),
}


@pytest.mark.parametrize("case", STAY)
def test_development_packages_stay_when_they_are_needed_and_the_plan_says_why(case: str) -> None:
    files, why = STAY[case]
    plan = planned(files)
    assert plan.dependencies is not None
    assert plan.dependencies.prune == ()
    assert [reason for reason in plan.reasons if reason.startswith("Development packages stay") and why in reason]


PRUNE: dict[str, tuple[Files, tuple[str, ...]]] = {
    "pnpm": (
        {"pnpm-lock.yaml": ""},
        (
            "CI=true pnpm install --prod --frozen-lockfile --offline --ignore-scripts "
            '--config.modules-cache-max-age=0 --store-dir "$PNPM_HOME/store"',
        ),
    ),
    "yarn classic": (
        {"yarn.lock": "# yarn lockfile v1"},
        ("yarn install --production --frozen-lockfile --ignore-scripts --prefer-offline --non-interactive",),
    ),
    "yarn": (
        {"yarn.lock": "__metadata:\n  version: 8"},
        ("YARN_ENABLE_SCRIPTS=false yarn workspaces focus --all --production",),
    ),
    "bun": ({"bun.lock": ""}, ("rm -rf node_modules", "bun install --frozen-lockfile --production")),
}


@pytest.mark.parametrize("case", PRUNE)
def test_each_manager_takes_development_packages_out_in_its_own_way(case: str) -> None:
    locks, prune = PRUNE[case]
    assert prune == dependencies_of({"package.json": app()["package.json"], **locks}).prune


def test_bun_empties_the_folders_of_every_package_before_it_installs_again() -> None:
    member = package(scripts={"start": "node a.js"}, devDependencies={"x": "1"})
    files = {"package.json": package(workspaces=["apps/*"]), "apps/a/package.json": member, "bun.lock": ""}
    assert dependencies_of(files).prune[0] == "rm -rf node_modules apps/a/node_modules"


def test_no_packages_are_served_when_the_whole_project_is_the_site() -> None:
    files = {"package.json": package(scripts={"build": "tailwindcss"}, devDependencies={"t": "1"}), "index.html": ""}
    plan = planned(files)
    assert plan.dependencies is not None
    assert (plan.static_root, plan.dependencies.prune) == (".", ("rm -rf node_modules",))
