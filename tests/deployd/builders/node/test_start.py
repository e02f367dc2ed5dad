"""Start scripts and entry files, as tables."""

import pytest

from deployd.builders.node.scripts import is_for_development, on_given_port, programs, without_watcher
from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, package, planned

TSC = {"build": "tsc -p ."}
START: dict[str, tuple[Files, str]] = {
    "one command": ({"package.json": package(scripts={"start": "node server.js"})}, "node server.js"),
    "one command with a variable": ({"package.json": package(scripts={"start": "A=1 node a.js"})}, "A=1 node a.js"),
    "two commands": ({"package.json": package(scripts={"start": "node a.js && node b.js"})}, "npm run start"),
    "what only npm sets": ({"package.json": package(scripts={"start": "echo $npm_package_version"})}, "npm run start"),
    "a prestart": ({"package.json": package(scripts={"start": "node a.js", "prestart": "x"})}, "npm run start"),
    "two commands with pnpm": (
        {"package.json": package(scripts={"start": "a && b"}), "pnpm-lock.yaml": ""},
        "pnpm run start",
    ),
    "nodemon": ({"package.json": package(scripts={"start": "nodemon app.js"})}, "node app.js"),
    "node's own watcher": ({"package.json": package(scripts={"start": "node --watch app.js"})}, "node app.js"),
    "a watcher beside production": (
        {"package.json": package(scripts={"start": "nodemon a.js", "start:prod": "node dist/a.js"})},
        "node dist/a.js",
    ),
    "a script for production only": ({"package.json": package(scripts={"start:prod": "node a.js"})}, "node a.js"),
    "procfile": (
        {"package.json": package(scripts={"start": "node a.js"}), "Procfile": "web: node other.js"},
        "node other.js",
    ),
    "main": ({"package.json": package(main="./src/app.js"), "src/app.js": ""}, "node src/app.js"),
    "main without ending": ({"package.json": package(main="run"), "run.js": ""}, "node run.js"),
    "main of a folder": ({"package.json": package(main="lib"), "lib/index.js": ""}, "node lib/index.js"),
    "main that is not there": ({"package.json": package(main="index.js"), "app.js": ""}, "node app.js"),
    "main that the build makes": (
        {"package.json": package(main="dist/main.js", scripts=TSC), "src/index.ts": ""},
        "node dist/main.js",
    ),
    "main outside": ({"package.json": package(main="../../etc/x.js"), "index.js": ""}, "node index.js"),
    "main with a command in it": (
        {"package.json": package(main="a.js; rm"), "a.js; rm": "", "index.js": ""},
        "node index.js",
    ),
    "npm's own default": ({"package.json": "{}", "server.js": ""}, "node server.js"),
    "server before index": ({"package.json": "{}", "server.js": "", "index.js": ""}, "node server.js"),
    "a module": ({"package.json": "{}", "index.mjs": ""}, "node index.mjs"),
    "in src": ({"package.json": "{}", "src/index.js": ""}, "node src/index.js"),
    "byte order mark": ({"package.json": "\ufeff{}", "server.js": ""}, "node server.js"),
    "fields of wrong types": (
        {"package.json": package(scripts=[], dependencies="x", main={}, workspaces=1, name=2), "index.js": ""},
        "node index.js",
    ),
    "one script of a wrong type": ({"package.json": package(scripts={"start": "node a", "x": {}})}, "node a"),
    "typescript with tsx": (
        {"package.json": package(devDependencies={"tsx": "4"}), "src/index.ts": ""},
        "tsx src/index.ts",
    ),
    "typescript with ts-node": (
        {"package.json": package(dependencies={"ts-node": "10"}), "app.ts": ""},
        "ts-node app.ts",
    ),
    "typescript by node itself": ({"package.json": "{}", "server.ts": ""}, "node server.ts"),
    "typescript with bun": ({"package.json": "{}", "bun.lock": "", "index.ts": ""}, "bun index.ts"),
    "typescript compiled by tsc": (
        {
            "package.json": package(scripts=TSC),
            "src/server.ts": "",
            "tsconfig.json": '{"compilerOptions": {"outDir": "./dist", /* why */ "rootDir": "src",}}',
        },
        "node dist/server.js",
    ),
    "typescript compiled with a root above": (
        {
            "package.json": package(scripts=TSC),
            "src/server.ts": "",
            "tsconfig.json": '{"compilerOptions": {"outDir": "out", "rootDir": "."}}',
        },
        "node out/src/server.js",
    ),
    "typescript compiled in place": (
        {"package.json": package(scripts=TSC), "server.ts": "", "tsconfig.json": "{}"},
        "node server.js",
    ),
}


@pytest.mark.parametrize("case", START)
def test_what_starts_the_server_is_found(case: str) -> None:
    files, web = START[case]
    plan = planned(files)
    assert (plan.builder, plan.processes["web"], plan.static_root) == ("node", web, None)


def test_typescript_for_node_itself_asks_for_a_node_that_runs_it() -> None:
    assert [tool.wanted for tool in planned({"package.json": "{}", "server.ts": ""}).tools] == [">=22.18.0"]
    with pytest.raises(BuildFailed, match="add tsx to the dependencies"):
        planned({"package.json": package(engines={"node": "20"}), "server.ts": ""})


def test_plain_bun_needs_no_node() -> None:
    files = {"package.json": package(dependencies={"elysia": "1"}), "bun.lock": "", "src/index.ts": ""}
    assert [tool.name for tool in planned(files).tools] == ["bun"]
    files["package.json"] = package(scripts={"start": "bun src/index.ts", "build": "vite build"})
    assert [tool.name for tool in planned(files).tools] == ["node", "bun"]


def test_a_start_script_of_buns_brings_bun_to_an_npm_project() -> None:
    files = {"package.json": package(scripts={"start": "bun a.ts"}, dependencies={"a": "1"}), "package-lock.json": ""}
    assert [tool.name for tool in planned(files).tools] == ["node", "bun"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "package.json cannot be read"),
        ("[]", "package.json cannot be read: it is not a JSON object"),
        (package(name="x"), "has no `start` script and no known static output"),
        (package(scripts={"start": "vite"}), "add a `start` script"),
    ],
)
def test_what_cannot_be_started_is_refused(content: str, sentence: str) -> None:
    with pytest.raises(BuildFailed, match=sentence):
        planned({"package.json": content})


@pytest.mark.parametrize(
    "script",
    [
        "vite",
        "vite --host",
        "vite preview",
        "next dev",
        "nuxt dev --port 1",
        "ng serve",
        "react-scripts start",
        "astro dev",
        "gatsby develop",
        "webpack serve --mode development",
        "webpack-dev-server",
        "parcel src/index.html",
        "npx vite",
        "cross-env NODE_ENV=development webpack serve",
        "eleventy --serve",
        "docusaurus start",
        "nest start --watch",
        "npm run build && vite preview",
        "expo start",
        "vue-cli-service serve",
        "NODE_ENV=x next dev",
    ],
)
def test_servers_for_development_are_told_apart(script: str) -> None:
    assert is_for_development(script)


@pytest.mark.parametrize(
    "script",
    [
        "node server.js",
        "next start",
        "nest start",
        "nuxt start",
        "vite build && node server.js",
        "serve -s dist",
        "nginx",
        "fastify start app.js",
        "remix-serve build",
        "npm run start:prod",
        "node vite.js",
        "vitest-server",
        "ngrok http",
    ],
)
def test_servers_for_the_public_are_left_alone(script: str) -> None:
    assert not is_for_development(script)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("next start -p 3000", "next start -p $PORT"),
        ("next start --port=8080", "next start --port=$PORT"),
        ("next start -H 0.0.0.0", "next start -H 0.0.0.0"),
        ("node server.js -p 3000", "node server.js -p 3000"),
        ("http-server dist -p 8080", "http-server dist -p $PORT"),
        ("next start -p $PORT", "next start -p $PORT"),
    ],
)
def test_a_fixed_port_becomes_ours_where_the_program_is_known(script: str, told: str) -> None:
    assert told == on_given_port(script)


@pytest.mark.parametrize(
    ("script", "plain"),
    [
        ("nodemon --exec ts-node a.ts", "nodemon --exec ts-node a.ts"),
        ("tsx watch src/a.ts", "tsx src/a.ts"),
        ("bun run --hot src/a.ts", "bun src/a.ts"),
        ("bun --watch a.ts", "bun a.ts"),
        ("node a.js", "node a.js"),
    ],
)
def test_a_watcher_is_left_out(script: str, plain: str) -> None:
    assert plain == without_watcher(script)


def test_the_programs_of_a_command_are_followed_through_scripts() -> None:
    scripts = {
        "go": "npm run deeper && node -r dotenv/config a.js",
        "deeper": "nest start; go",
        "predeeper": "prisma x",
    }
    assert {"@nestjs/cli", "prisma", "dotenv", "node"} <= programs("cross-env A=1 npm run go", scripts)
    assert "@scope/tool" in programs("node --import @scope/tool/register 'unclosed", scripts)
