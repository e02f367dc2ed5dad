"""Each framework: what is served or started, as tables."""

import json
from typing import Any

import pytest

from deployd.builders.node.frameworks import FRAMEWORKS
from deployd.builders.node.recipe import RECIPE
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, package, planned


def app(build: str | None, *names: str, files: dict[str, str] | None = None, **scripts: str) -> dict[str, str]:
    """A package with these packages and scripts."""
    all_scripts = {
        **({"build": build} if build else {}),
        **{name.replace("_", ":"): text for name, text in scripts.items()},
    }
    return {"package.json": package(scripts=all_scripts, dependencies=dict.fromkeys(names, "1")), **(files or {})}


def angular(**options: object) -> dict[str, str]:
    builder = options.pop("builder", "@angular/build:application")
    about = {"projectType": "application", "architect": {"build": {"builder": builder, "options": options}}}
    return {
        "angular.json": "// generated\n" + json.dumps({"projects": {"lib": {"projectType": "library"}, "shop": about}})
    }


INDEX = {"index.html": ""}
STATIC: dict[str, tuple[Files, str, bool]] = {
    "vite with one page": (app("vite build", "vite", files=INDEX), "dist", True),
    "vite with a preview as start": (
        app("vite build", "vite", files=INDEX, start="vite preview --port 3000"),
        "dist",
        True,
    ),
    "vite served by serve": (app("vite build", "vite", files=INDEX, start="serve -s dist"), "dist", True),
    "vite with two pages": (app("vite build", "vite", files={**INDEX, "other.html": ""}), "dist", False),
    "vite with its own 404": (app("vite build", "vite", files={**INDEX, "public/404.html": ""}), "dist", False),
    "vite into another folder": (
        app("vite build", "vite", files={**INDEX, "vite.config.ts": "build: { outDir: './out/www/' }"}),
        "out/www",
        True,
    ),
    "vite told by a flag": (app("tsc && vite build --outDir=www", "vite", files=INDEX), "www", True),
    "vite out of the project": (
        app("vite build", "vite", files={**INDEX, "vite.config.ts": "build: { outDir: '../www' }"}),
        "dist",
        True,
    ),
    "vite with a folder commented out": (
        app("vite build", "vite", files={**INDEX, "vite.config.js": "// outDir: 'other'\n/* outDir: 'x' */"}),
        "dist",
        True,
    ),
    "vite without a script": (app(None, "vite", files=INDEX), "dist", True),
    "create-react-app": (
        app("react-scripts build", "react-scripts", files={"public/index.html": ""}, start="react-scripts start"),
        "build",
        True,
    ),
    "create-react-app changed by craco": (
        app("craco build", "@craco/craco", files={"public/index.html": ""}, start="craco start"),
        "build",
        True,
    ),
    "vue cli": (
        app("vue-cli-service build", "@vue/cli-service", files={"vue.config.js": "outputDir: 'www'"}),
        "www",
        True,
    ),
    "astro": (app("astro build", "astro", start="astro dev"), "dist", False),
    "astro into another folder": (
        app("astro build", "astro", files={"astro.config.mjs": 'outDir: "www"'}),
        "www",
        False,
    ),
    "gatsby": (app("gatsby build", "gatsby", start="gatsby develop"), "public", False),
    "docusaurus": (app("docusaurus build", "@docusaurus/core", start="docusaurus start"), "build", False),
    "vitepress": (app("vitepress build", "vitepress"), ".vitepress/dist", False),
    "vitepress in docs": (
        app(None, "vitepress", docs_dev="vitepress dev docs", docs_build="vitepress build docs"),
        "docs/.vitepress/dist",
        False,
    ),
    "vitepress beside a library's build": (
        app("tsup", "vitepress", docs_build="vitepress build ./docs/ --base /x"),
        "docs/.vitepress/dist",
        False,
    ),
    "eleventy": (app("npx @11ty/eleventy", "@11ty/eleventy", start="npx @11ty/eleventy --serve"), "_site", False),
    "eleventy without a script": (app(None, "@11ty/eleventy"), "_site", False),
    "eleventy into another folder": (
        app("eleventy", "@11ty/eleventy", files={".eleventy.js": "dir: { input: 'a', output: 'public' }"}),
        "public",
        False,
    ),
    "eleventy told by a flag": (app("eleventy --output=www", "@11ty/eleventy"), "www", False),
    "parcel": (
        app("parcel build index.html --dist-dir out", "parcel", files=INDEX, start="parcel index.html"),
        "out",
        True,
    ),
    "webpack": (app("webpack --mode production", "html-webpack-plugin", start="webpack serve --open"), "dist", True),
    "next exported": (
        app("next build", "next", files={"next.config.mjs": "output: 'export'"}, start="next start"),
        "out",
        False,
    ),
    "next exported elsewhere": (
        app("next build", "next", files={"next.config.ts": 'output: "export", distDir: "www"'}),
        "www",
        False,
    ),
    "next exported the old way": (app("next build && next export", "next", start="next start"), "out", False),
    "nuxt generated": (app("nuxt generate", "nuxt"), ".output/public", False),
    "nuxt generated by its own script": (app(None, "nuxt", generate="nuxi generate"), ".output/public", False),
    "sveltekit static": (
        app(
            "vite build",
            "@sveltejs/kit",
            "vite",
            "@sveltejs/adapter-static",
            files={"svelte.config.js": "import a from '@sveltejs/adapter-static'"},
        ),
        "build",
        False,
    ),
    "sveltekit static with one page": (
        app(
            "vite build",
            "@sveltejs/kit",
            "@sveltejs/adapter-static",
            files={"vite.config.ts": "from '@sveltejs/adapter-static'; a({ fallback: 'index.html', pages: 'www' })"},
        ),
        "www",
        True,
    ),
    "react router without a server": (
        app(
            "react-router build",
            "@react-router/dev",
            "vite",
            files={"react-router.config.ts": "ssr: false"},
            start="react-router-serve ./build/server/index.js",
        ),
        "build/client",
        True,
    ),
    "remix without a server": (
        app(
            "remix vite:build", "@remix-run/dev", files={"vite.config.ts": "remix({ssr: false})"}, start="vite preview"
        ),
        "build/client",
        True,
    ),
    "angular": (app("ng build", "@angular/core", files=angular(), start="ng serve"), "dist/shop/browser", True),
    "angular into a named folder": (
        app("ng build", "@angular/core", files=angular(outputPath="out/")),
        "out/browser",
        True,
    ),
    "angular with two folders": (
        app("ng build", "@angular/core", files=angular(outputPath={"base": "out", "browser": ""})),
        "out",
        True,
    ),
    "angular of old": (
        app(
            "ng build",
            "@angular/core",
            files=angular(outputPath="dist/x", builder="@angular-devkit/build-angular:browser"),
        ),
        "dist/x",
        True,
    ),
    "angular without a script": (app(None, "@angular/core", files=angular()), "dist/shop/browser", True),
    "angular rendered when built": (
        app("ng build", "@angular/core", files=angular(ssr={"entry": "server.ts"}, outputMode="static")),
        "dist/shop/browser",
        True,
    ),
    "a page and nothing to build": ({"package.json": "{}", **INDEX}, ".", False),
    "a page in public": ({"package.json": "{}", "public/index.html": ""}, "public", False),
}


@pytest.mark.parametrize("case", STATIC)
def test_a_site_is_found(case: str) -> None:
    files, root, spa = STATIC[case]
    plan = planned(files)
    assert (plan.static_root, plan.spa, plan.processes) == (root, spa, {})
    assert plan.dependencies is None or plan.dependencies.prune == ()


def test_a_page_with_nothing_to_build_needs_no_tools() -> None:
    assert planned({"package.json": package(devDependencies={"prettier": "3"}), **INDEX}).tools == ()


SERVERS: dict[str, tuple[Files, str]] = {
    "next": (app("next build", "next"), "next start -p $PORT"),
    "next by its script": (app("next build", "next", start="next start"), "next start"),
    "next with a port of its own": (app("next build", "next", start="next start -p 3000"), "next start -p $PORT"),
    "next standalone": (
        app("next build", "next", files={"next.config.js": "output: 'standalone'"}, start="next start"),
        "node .next/standalone/server.js",
    ),
    "next with an export commented out": (
        app("next build", "next", files={"next.config.js": "// output: 'export'"}),
        "next start -p $PORT",
    ),
    "next with a server of its own": (app("next build", "next", start="node server.js"), "node server.js"),
    "nuxt": (app("nuxt build", "nuxt", generate="nuxt generate"), "node .output/server/index.mjs"),
    "nuxt with a preview": (app("nuxt build", "nuxt", start="nuxt preview"), "node .output/server/index.mjs"),
    "solidstart": (app("vinxi build", "@solidjs/start", start="vinxi start"), "node .output/server/index.mjs"),
    "sveltekit on node": (
        app(
            "vite build",
            "@sveltejs/kit",
            "@sveltejs/adapter-node",
            "@sveltejs/adapter-auto",
            "vite",
            files={"svelte.config.js": "import a from '@sveltejs/adapter-node'"},
        ),
        "node build",
    ),
    "sveltekit with the automatic adapter": (
        app(
            "vite build",
            "@sveltejs/kit",
            "@sveltejs/adapter-auto",
            files={"svelte.config.js": "import a from '@sveltejs/adapter-auto'"},
        ),
        "node build",
    ),
    "sveltekit for elsewhere with a start": (
        app("vite build", "@sveltejs/kit", "svelte-adapter-bun", files={"bun.lock": ""}, start="bun ./build/index.js"),
        "bun ./build/index.js",
    ),
    "astro on node": (
        app(
            "astro build",
            "astro",
            "@astrojs/node",
            files={"astro.config.mjs": "import node from '@astrojs/node'"},
            start="astro dev",
        ),
        "node ./dist/server/entry.mjs",
    ),
    "react router": (
        app("react-router build", "@react-router/dev", "vite", start="react-router-serve ./build/server/index.js"),
        "react-router-serve ./build/server/index.js",
    ),
    "react router without a script": (
        app("react-router build", "@react-router/dev"),
        "react-router-serve ./build/server/index.js",
    ),
    "remix": (
        app("remix vite:build", "@remix-run/dev", files={"vite.config.ts": "from '@remix-run/dev'"}),
        "remix-serve ./build/server/index.js",
    ),
    "remix before vite": (app("remix build", "@remix-run/dev"), "remix-serve ./build/index.js"),
    "angular on a server": (
        app(
            "ng build",
            "@angular/core",
            files=angular(ssr={"entry": "server.ts"}, outputMode="server"),
            start="ng serve",
        ),
        "node dist/shop/server/server.mjs",
    ),
    "angular on a server, before output modes": (
        app("ng build", "@angular/core", files=angular(ssr=True, outputPath="out")),
        "node out/server/server.mjs",
    ),
    "nest": (app("nest build", "@nestjs/core", files={"nest-cli.json": "{}"}, start="nest start"), "node dist/main"),
    "nest with a script for production": (
        app(
            "nest build",
            "@nestjs/core",
            files={"nest-cli.json": "{}"},
            start="nest start",
            start_dev="nest start --watch",
            start_prod="node dist/src/main",
        ),
        "node dist/src/main",
    ),
    "express": (app(None, "express", start="node ./bin/www"), "node ./bin/www"),
    "fastify": (
        app(None, "fastify", "fastify-cli", start="fastify start -l info app.js"),
        "fastify start -l info app.js",
    ),
    "hono": (app("tsc", "hono", "@hono/node-server", start="node dist/index.js"), "node dist/index.js"),
    "koa": (app(None, "koa", files={"app.js": ""}), "node app.js"),
    "elysia": (
        app(None, "elysia", files={"bun.lock": "", "src/index.ts": ""}, dev="bun run --watch src/index.ts"),
        "bun src/index.ts",
    ),
    "vite beside a server": (
        app("vite build", "vite", "express", files=INDEX, start="node server.js"),
        "node server.js",
    ),
}


@pytest.mark.parametrize("case", SERVERS)
def test_a_server_is_found(case: str) -> None:
    files, web = SERVERS[case]
    plan = planned(files)
    assert (plan.processes["web"], plan.static_root) == (web, None)


REFUSED: dict[str, tuple[Files, str]] = {
    "sveltekit for another platform": (
        app("vite build", "@sveltejs/kit", "vite", "@sveltejs/adapter-vercel"),
        "install @sveltejs/adapter-node",
    ),
    "astro for another platform": (
        app("astro build", "astro", files={"astro.config.mjs": "import x from '@astrojs/vercel'"}),
        "astro add node",
    ),
    "a library built by vite": (app("vite build", "vite"), "no `start` script"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_built_for_elsewhere_is_refused_with_what_to_change(case: str) -> None:
    files, sentence = REFUSED[case]
    with pytest.raises(BuildFailed, match=sentence):
        planned(files)


def test_a_framework_without_a_build_script_is_built_by_its_own_command() -> None:
    assert planned(app(None, "vite", files=INDEX)).steps == ("npx --no-install vite build",)
    assert planned(
        app(None, "@angular/core", files={**angular(), "pnpm-lock.yaml": "lockfileVersion: '9.0'"})
    ).steps == ("pnpm exec ng build",)


def test_nexts_standalone_server_gets_the_files_that_next_leaves_beside_it() -> None:
    files = app("next build", "next", files={"next.config.js": "module.exports = { output: 'standalone' }"})
    plan = planned(files)
    assert plan.steps[0] == "npm run build"
    assert "cp -R .next/static" in plan.steps[1]
    assert (plan.env["HOSTNAME"], plan.kept) == ("0.0.0.0", (".next/cache",))


def test_sveltekits_automatic_adapter_is_told_to_take_the_one_for_node() -> None:
    files = app("vite build", "@sveltejs/kit", "@sveltejs/adapter-auto", files={"vite.config.ts": "adapter-auto"})
    assert planned(files).steps == ("GCP_BUILDPACKS=1 npm run build",)


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "output": ({"output": "www"}, {"static_root": "www", "spa": True, "steps": ("npm run build",)}),
    "output without fallback": ({"output": "www", "spa": False}, {"static_root": "www", "spa": False}),
    "no fallback": ({"spa": False}, {"static_root": "dist", "spa": False}),
    "start": ({"start": "node x.js"}, {"static_root": None, "processes": {"web": "node x.js"}}),
    "build": ({"build": "make"}, {"steps": ("make",), "static_root": "dist"}),
    "no build": ({"build": ""}, {"steps": (), "dependencies": None}),
    "no install": ({"install": ""}, {"steps": ("npm run build",), "dependencies": None}),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_replaces_what_was_found(case: str) -> None:
    settings, expected = SETTINGS[case]
    plan = planned(app("vite build", "vite", files=INDEX), **settings)
    assert expected == {key: getattr(plan, key) for key in expected}


def test_an_install_command_of_ones_own_replaces_ours() -> None:
    plan = planned(
        app("vite build", "vite", files={**INDEX, "package-lock.json": ""}), install="npm ci --legacy-peer-deps"
    )
    assert plan.dependencies is not None
    assert (plan.dependencies.steps, plan.dependencies.reusable) == (("npm ci --legacy-peer-deps",), True)


def test_every_framework_has_a_row_in_the_documentation() -> None:
    told = "\n".join(row.what for row in RECIPE.rows)
    assert [one.title for one in FRAMEWORKS if f"{one.title} (" not in told] == []
    assert [row for row in RECIPE.rows if "{" in row.what + row.how] == []
