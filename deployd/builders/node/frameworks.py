"""What is known of each framework, as a table: how it is built, and what it leaves to serve or to start."""

from collections.abc import Callable

import msgspec

from deployd.builders.node.angular import browser_folder, server_folder
from deployd.builders.project import Project

_STATIC_ADAPTER = r"adapter-static|adapterStatic"
_ANY_ADDRESS = {"HOST": "0.0.0.0"}
_STANDALONE = (
    'd=".next/standalone/{inside}"; mkdir -p "$d/.next" && cp -R .next/static "$d/.next/"'
    ' && { [ ! -d public ] || cp -R public "$d/"; }'
)


class Framework(msgspec.Struct, frozen=True, kw_only=True):
    """A row applies when the project has one of `packages`, one of `files` and, in its configuration or the script
    that builds it, `says`. The first row that applies is taken.

    `build` is run when no script runs it. A site is in `output`, or, when `output_said` is found in the same texts, in
    `output_as` with its group for `{said}`; it routes on the client when `spa` or `spa_said` says so, else
    `page` is where the source keeps the one page of an app that may. A server is started by
    `start`. `where` answers the folder that stands for `{where}` in both, or None when the row does not apply;
    `{inside}` stands for the package's folder as seen from the top of the workspace.
    `supersedes` is a start script that does not fit what is built; `loads` are packages that the server reads its
    configuration with. `refuse` is said instead of building.
    """

    title: str
    packages: tuple[str, ...]
    config: tuple[str, ...] = ()
    says: str = ""
    files: tuple[str, ...] = ()
    build: str = ""
    output: str = ""
    output_said: str = ""
    page: str = ""
    output_as: str = "{said}"
    spa: bool = False
    spa_said: str = ""
    start: str = ""
    supersedes: str = ""
    loads: tuple[str, ...] = ()
    where: Callable[[Project], str | None] | None = None
    after: tuple[str, ...] = ()
    env: dict[str, str] = {}
    build_env: dict[str, str] = {}
    kept: tuple[str, ...] = ()
    refuse: str = ""


_OUT_DIR = r"outDir\s*:\s*['\"](?:\./)?([\w.-]+(?:/[\w.-]+)*)/?['\"]"
_VITE_CACHE = ("node_modules/.vite", "node_modules/.cache")

FRAMEWORKS: tuple[Framework, ...] = (
    Framework(
        title="Next.js, exported", packages=("next",), config=("next.config",),
        says=r"output\s*:\s*['\"]export['\"]|\bnext export\b", build="next build", output="out",
        output_said=r"distDir\s*:\s*['\"](?:\./)?([\w.-]+)['\"]",
        supersedes=r"next start\b", kept=(".next/cache",),
    ),
    Framework(
        title="Next.js, standalone", packages=("next",), config=("next.config",),
        says=r"output\s*:\s*['\"]standalone['\"]", build="next build",
        start="node .next/standalone/{inside}server.js", after=(_STANDALONE,), supersedes=r"next start\b",
        env={"HOSTNAME": "0.0.0.0"}, kept=(".next/cache",),
    ),
    Framework(
        title="Next.js", packages=("next",), build="next build", start="next start -p $PORT", kept=(".next/cache",),
    ),
    Framework(
        title="Nuxt, generated", packages=("nuxt",), config=("nuxt.config",), says=r"\bnux[ti] generate\b",
        build="nuxt generate", output=".output/public", supersedes=r"nuxt (start|preview)\b",
        kept=("node_modules/.cache",),
    ),
    Framework(
        title="Nuxt", packages=("nuxt", "nuxt-nightly"), build="nuxt build", start="node .output/server/index.mjs",
        supersedes=r"nuxt (start|preview)\b", env=_ANY_ADDRESS, kept=("node_modules/.cache",),
    ),
    Framework(
        title="SolidStart", packages=("@solidjs/start",), build="vinxi build", start="node .output/server/index.mjs",
        supersedes=r"vinxi start\b", env=_ANY_ADDRESS, kept=_VITE_CACHE,
    ),
    Framework(
        title="SvelteKit, adapter-static", packages=("@sveltejs/adapter-static",),
        config=("svelte.config", "vite.config"),
        says=_STATIC_ADAPTER, build="vite build", output="build", output_said=r"pages\s*:\s*['\"]([\w./-]+)['\"]",
        spa_said=r"fallback\s*:\s*['\"]index\.html['\"]", kept=_VITE_CACHE,
    ),
    Framework(
        title="SvelteKit, adapter-node", packages=("@sveltejs/adapter-node",),
        config=("svelte.config", "vite.config"), says="adapter-node", build="vite build",
        start="node build", env=_ANY_ADDRESS, kept=_VITE_CACHE,
    ),
    Framework(
        # Its own rule for one of the clouds it knows is adapter-node, which it installs by itself.
        title="SvelteKit, adapter-auto", packages=("@sveltejs/adapter-auto",), config=("svelte.config", "vite.config"),
        says="adapter-auto", build="vite build", start="node build", build_env={"GCP_BUILDPACKS": "1"},
        env=_ANY_ADDRESS, kept=_VITE_CACHE,
    ),
    Framework(
        title="SvelteKit, another adapter", packages=("@sveltejs/kit",),
        refuse="SvelteKit is built for another platform here: install @sveltejs/adapter-node (a server) or "
        "@sveltejs/adapter-static (a site) and name it in svelte.config.js.",
    ),
    Framework(
        title="Astro on a server", packages=("@astrojs/node",), config=("astro.config",), says=r"@astrojs/node",
        build="astro build", start="node ./dist/server/entry.mjs", supersedes=r"astro preview\b", env=_ANY_ADDRESS,
        kept=(".astro", "node_modules/.astro", *_VITE_CACHE),
    ),
    Framework(
        title="Astro, another adapter", packages=("astro",), config=("astro.config",),
        says=r"@astrojs/(vercel|netlify|cloudflare)|output\s*:\s*['\"]server['\"]",
        refuse="Astro is to render on a server that is not here: run `astro add node`, or leave `output` static.",
    ),
    Framework(
        title="Astro", packages=("astro",), config=("astro.config",), build="astro build", output="dist",
        output_said=_OUT_DIR, kept=(".astro", "node_modules/.astro", *_VITE_CACHE),
    ),
    Framework(
        title="React Router without a server", packages=("@react-router/dev",), config=("react-router.config",),
        says=r"ssr\s*:\s*false", build="react-router build", output="build/client", spa=True,
        supersedes=r"react-router-serve\b", kept=_VITE_CACHE,
    ),
    Framework(
        title="React Router", packages=("@react-router/dev",), build="react-router build",
        start="react-router-serve ./build/server/index.js", env=_ANY_ADDRESS, kept=_VITE_CACHE,
    ),
    Framework(
        title="Remix without a server", packages=("@remix-run/dev",), config=("vite.config",), says=r"ssr\s*:\s*false",
        build="remix vite:build", output="build/client", spa=True, supersedes=r"(vite preview|remix-serve)\b",
        kept=_VITE_CACHE,
    ),
    Framework(
        title="Remix", packages=("@remix-run/dev",), config=("vite.config",), says=r"@remix-run/dev",
        build="remix vite:build", start="remix-serve ./build/server/index.js", env=_ANY_ADDRESS, kept=_VITE_CACHE,
    ),
    Framework(
        title="Remix before Vite", packages=("@remix-run/dev",), build="remix build",
        start="remix-serve ./build/index.js", env=_ANY_ADDRESS, kept=(".cache",),
    ),
    Framework(
        title="Angular on a server", packages=("@angular/core",), files=("angular.json",), where=server_folder,
        build="ng build", start="node {where}/server/server.mjs", env={"NG_CLI_ANALYTICS": "false"},
        kept=(".angular/cache",),
    ),
    Framework(
        title="Angular", packages=("@angular/core",), files=("angular.json",), where=browser_folder,
        build="ng build", output="{where}", spa=True, env={"NG_CLI_ANALYTICS": "false"}, kept=(".angular/cache",),
    ),
    Framework(
        title="Gatsby", packages=("gatsby",), build="gatsby build", output="public", supersedes=r"gatsby serve\b",
    ),
    Framework(
        title="Docusaurus", packages=("@docusaurus/core",), build="docusaurus build", output="build",
        output_said=r"--out-dir[= ](\S+)", kept=("node_modules/.cache",),
    ),
    Framework(
        title="VitePress", packages=("vitepress",), build="vitepress build", output=".vitepress/dist",
        output_said=r"vitepress build (?!-)(?:\./)?([\w./-]+?)/?(?:\s|$)", output_as="{said}/.vitepress/dist",
        kept=("node_modules/.cache",),
    ),
    Framework(
        title="Eleventy", packages=("@11ty/eleventy",), config=("eleventy.config", ".eleventy"),
        build="eleventy", output="_site", output_said=r"--output[= ](?:\./)?([\w./-]+?)/?(?:\s|$)"
        r"|\boutput\s*:\s*['\"](?:\./)?([\w./-]+?)/?['\"]", kept=(".cache",),
    ),
    Framework(
        title="Create React App", packages=("react-scripts", "@craco/craco", "react-app-rewired"),
        build="react-scripts build", output="build", page="public/index.html", kept=("node_modules/.cache",),
    ),
    Framework(
        title="Vue CLI", packages=("@vue/cli-service",), config=("vue.config",), build="vue-cli-service build",
        output="dist", output_said=r"outputDir\s*:\s*['\"](?:\./)?([\w./-]+?)/?['\"]", page="public/index.html",
        kept=("node_modules/.cache",),
    ),
    Framework(
        title="Parcel", packages=("parcel",), build="parcel build", output="dist",
        output_said=r"--dist-dir[= ](?:\./)?([\w./-]+?)/?(?:\s|$)", page="index.html", kept=(".parcel-cache",),
    ),
    Framework(
        title="Vite", packages=("vite", "rolldown-vite"), config=("vite.config",), files=("index.html",),
        build="vite build", output="dist", output_said=rf"--outDir[= ](?:\./)?([\w./-]+?)/?(?:\s|$)|{_OUT_DIR}",
        page="index.html", kept=_VITE_CACHE,
    ),
    Framework(
        title="webpack with pages", packages=("html-webpack-plugin",), config=("webpack.config",), build="webpack",
        output="dist", page="src/index.html", kept=("node_modules/.cache",),
    ),
    Framework(
        title="NestJS", packages=("@nestjs/core",), files=("nest-cli.json",), build="nest build",
        start="node dist/main", supersedes=r"nest start\b",
    ),
)  # fmt: skip
"""Servers without a build of their own (Express, Fastify, Hono, Koa, Elysia…) need no row: their start script or
entry file says it all."""
