"""The corpus: which apps there are and what each must answer once deployd has built it."""

from tests.e2e.corpus.app import CorpusApp

_SUBMODULE = """
git config protocol.file.allow always
mv vendor/greeting ../submodule-greeting
cd ../submodule-greeting
git init -q -b main
git add -A
git -c user.name=Test -c user.email=test@example.com commit -qm 'First version'
cd ../submodule
git -c protocol.file.allow=always submodule add -q ../submodule-greeting vendor/greeting
"""

_PLUG_N_PLAY = "npx --yes @yarnpkg/cli-dist@4.9.2 install --immutable"

NODE = (
    CorpusApp(name="express-npm", says="Express on", locks=("npm",), quick=True),
    CorpusApp(name="express-no-lock", says="Express without a lockfile"),
    CorpusApp(name="fastify-pnpm", says="Fastify with pnpm", locks=("pnpm",), quick=True),
    CorpusApp(name="koa-yarn", says="Koa with yarn classic", locks=("yarn",)),
    CorpusApp(name="hono-yarn-berry", says="Hono with yarn berry", locks=("yarn-berry",), quick=True),
    CorpusApp(
        name="yarn-pnp",
        says="Hono by Plug'n'Play 3",
        locks=("yarn-berry",),
        prepare=_PLUG_N_PLAY,
        quick=True,
    ),
    CorpusApp(
        name="yarn-pnp-workspaces",
        says="Words of a workspace by Plug'n'Play 3",
        locks=("yarn-berry",),
        prepare=_PLUG_N_PLAY,
        build={"workspace": "@shop/api"},
    ),
    CorpusApp(name="nest-npm", says="Nest says hello", locks=("npm",)),
    CorpusApp(name="typescript-tsc", says="Compiled by tsc", locks=("npm",), quick=True),
    CorpusApp(name="typescript-tsx", says="Run by tsx", locks=("npm",)),
    CorpusApp(name="typescript-entry", says="A TypeScript entry without a script", locks=("npm",)),
    CorpusApp(name="node-http", says="Nothing but node:http", quick=True),
    CorpusApp(
        name="npm-workspaces",
        says="Greetings to npm from a workspace",
        locks=("npm",),
        build={"workspace": "@shop/api"},
        quick=True,
    ),
    CorpusApp(
        name="pnpm-workspace",
        says="A site in a pnpm workspace",
        locks=("pnpm",),
        build={"root": "apps/web"},
        processes=(),
    ),
    CorpusApp(name="turborepo", says="Words from Turborepo", locks=("npm",), build={"workspace": "@shop/api"}),
    CorpusApp(name="nx-server", says="Built by Nx", locks=("npm",)),
    CorpusApp(name="nx-site", path="/some/path", says="A site built by Nx", locks=("npm",), processes=()),
    CorpusApp(name="two-lockfiles", says="Two lockfiles, one 1d", locks=("npm", "yarn"), tells="yarn.lock", quick=True),
    CorpusApp(name="node-22", says="Node v22."),
    CorpusApp(name="nvmrc-lts", says="LTS true"),
    CorpusApp(name="vite-react", says="Vite and React", locks=("npm",), processes=(), quick=True),
    CorpusApp(name="vite-svelte", says="Vite and Svelte", locks=("pnpm",), processes=()),
    CorpusApp(name="vite-typescript-bun", says="Vite, TypeScript and bun", locks=("bun",), processes=()),
    CorpusApp(name="create-react-app", says="Create React App", locks=("npm",), processes=()),
    CorpusApp(name="vue-cli", says="Vue CLI", locks=("npm",), processes=()),
    CorpusApp(name="astro-static", says="Astro counted to 23", locks=("npm",), processes=()),
    CorpusApp(name="astro-node", path="/?who=you", says="Astro on the server says hello to you", locks=("npm",)),
    CorpusApp(
        name="next-standalone",
        says="<h1>Next standalone in",
        locks=("npm",),
        env={"GREETING": "a good mood"},
    ),
    CorpusApp(name="next-export", path="/about", says="About the export", locks=("npm",), processes=()),
    CorpusApp(name="next-start", says="Next with its own server", locks=("npm",)),
    CorpusApp(name="nuxt", says="Nuxt rendered 42", locks=("npm",)),
    CorpusApp(name="sveltekit-node", says="SvelteKit on node: true", locks=("npm",)),
    CorpusApp(name="sveltekit-static", says="SvelteKit as files", locks=("npm",), processes=()),
    CorpusApp(name="react-router", says="React Router rendered this", locks=("npm",)),
    CorpusApp(name="remix", says="Remix rendered this", locks=("npm",)),
    CorpusApp(name="angular", says="Angular shop", locks=("npm",), processes=()),
    CorpusApp(name="gatsby", says="Gatsby made this page", locks=("npm",), processes=()),
    CorpusApp(name="docusaurus", says="Docusaurus made this page", locks=("npm",), processes=()),
    CorpusApp(name="vitepress", says="VitePress made this page", locks=("npm",), processes=()),
    CorpusApp(name="eleventy", says="Eleventy wrote 8 letters", locks=("npm",), processes=(), quick=True),
    CorpusApp(name="bun-server", says="for 1m", locks=("bun",), quick=True),
    CorpusApp(name="elysia", says="Elysia on bun", locks=("bun",)),
    CorpusApp(name="deno", says="Deno is serving"),
    CorpusApp(name="convert-bun", says="Express on bun", locks=("npm",), build={"convert_bun": True}, quick=True),
    CorpusApp(name="worker-and-web", says="The web beside a worker", processes=("web", "worker"), quick=True),
)

PYTHON = (
    CorpusApp(name="fastapi-pinned", says="FastAPI with pinned requirements", quick=True),
    CorpusApp(name="fastapi-uv", says="FastAPI with uv", locks=("uv",), quick=True),
    CorpusApp(name="flask-gunicorn", says="Flask behind gunicorn", quick=True),
    CorpusApp(name="flask-no-server", says="Flask that brings no server", tells="gunicorn", quick=True),
    CorpusApp(name="flask-factory", says="Flask from a factory"),
    CorpusApp(name="django", says="Django has orders: True", quick=True),
    CorpusApp(name="starlette", says="Starlette is up"),
    CorpusApp(name="litestar", says="Litestar is up"),
    CorpusApp(name="quart", says="Quart is up"),
    CorpusApp(name="aiohttp", says="aiohttp is up"),
    CorpusApp(name="streamlit", says="Streamlit"),
    CorpusApp(name="gradio", says="Gradio is up"),
    CorpusApp(name="poetry", says="Flask with Poetry", locks=("poetry",), quick=True),
    CorpusApp(name="pdm", says="Starlette with PDM", locks=("pdm",)),
    CorpusApp(name="pipenv", says="Flask with Pipenv", locks=("pipenv",)),
    CorpusApp(name="setup-py", says="Bottle from setup.py"),
    CorpusApp(name="pyproject-no-lock", says="FastAPI from pyproject alone"),
    CorpusApp(name="python-script", says="Nothing but the standard library", quick=True),
    CorpusApp(name="mkdocs", says="MkDocs made this page", processes=()),
    CorpusApp(name="sphinx", says="Sphinx made this page", processes=()),
    CorpusApp(name="flask-assets", path="/static/app.js", says="Assets bundled for Flask", locks=("npm",)),
)

STATIC = (
    CorpusApp(name="html-top", says="Nothing to build", processes=(), quick=True),
    CorpusApp(name="html-public", says="Served from public", processes=(), quick=True),
    CorpusApp(name="own-404", path="/nothing", status=404, says="The shop has no such page", processes=(), quick=True),
    CorpusApp(
        name="spa-override",
        path="/some/deep/path",
        says="One page for every path",
        processes=(),
        build={"spa": True},
        quick=True,
    ),
    CorpusApp(name="hugo", says="Hugo made this page", processes=()),
    CorpusApp(name="jekyll", says="Jekyll made this page", processes=(), needs="jekyll"),
    CorpusApp(
        name="jekyll-gemfile",
        files_of="jekyll",
        says="Jekyll made this page",
        processes=(),
        prepare="""echo 'gem "jekyll"' > Gemfile""",
        only_with="jekyll",
    ),
)

OTHERS = (
    CorpusApp(name="rust", says="Rust without a dependency", needs="cargo"),
    CorpusApp(name="go", says="Go without a dependency", needs="go"),
    CorpusApp(name="go-cmd", says="Go from a folder of cmd", needs="go"),
    CorpusApp(name="php", says="PHP is up", needs="php"),
    CorpusApp(name="php-autoload", says="PHP with an autoloader", needs="php"),
    CorpusApp(name="java", says="Java without a dependency", needs="gradle"),
    CorpusApp(name="java-file", says="One file of Java", only_with="java"),
    CorpusApp(name="ruby", says="Ruby without a gem", needs="ruby"),
    CorpusApp(name="ruby-rack", says="Rack and Puma of the host", only_with="puma"),
    CorpusApp(name="elixir", says="Elixir without a dependency", needs="mix"),
    CorpusApp(
        name="elixir-procfile",
        files_of="elixir",
        says="Elixir without a dependency",
        prepare="echo 'web: mix run --no-halt' > Procfile",
        needs="mix",
    ),
    CorpusApp(name="dockerfile-only", refused="docker", quick=True),
    CorpusApp(name="compose-only", refused="docker"),
    CorpusApp(name="start-sh", says="Started by a shell script", quick=True),
    CorpusApp(
        name="crlf-script",
        says="A script with Windows line ends",
        prepare="sed -i 's/$/\\r/' start.sh",
    ),
    CorpusApp(name="procfile-only", says="A Procfile is enough", quick=True),
    CorpusApp(name="app-json-unset", refused="SHOP_TOKEN", quick=True),
    CorpusApp(
        name="app-json-set",
        files_of="app-json-unset",
        says="Token of 6 letters, teal walls",
        env={"SHOP_TOKEN": "secret"},
    ),
    CorpusApp(name="deployd-toml", says="Built as .deployd.toml says", processes=(), quick=True),
    CorpusApp(name="subdirectory", says="One folder of a repository, 1s", build={"root": "website"}),
    CorpusApp(name="submodule", says="Words from a submodule", prepare=_SUBMODULE, quick=True),
)

APPS = (*NODE, *PYTHON, *STATIC, *OTHERS)
