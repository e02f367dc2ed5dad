"""Reads start scripts: which of them are for development only, and which programs they need."""

import re
import shlex
from collections.abc import Iterator, Mapping

_PREFIX = (
    r"^((npx|bunx|pnpx)\s+(--\S+\s+)*|(pnpm|npm)\s+exec\s+(--\s+)?|cross-env\s+|dotenv\s+(-\S+\s+)*--\s+|env\s+"
    r"|[A-Z_][A-Z0-9_]*=\S*\s+)*"
)
_DEV_SERVER = re.compile(
    _PREFIX + r"((react-scripts|react-app-rewired|craco|vue-cli-service|webpack|webpack-dev-server|parcel|rsbuild|farm)"
    r"\s*+(start|serve|server|dev)?\s*+(-\S+.*|\S+\.html.*)?$"
    r"|vite(?!\S)|ng(\s|$)|astro\s+(dev|preview|start)\b|astro$|(next|nuxt|nuxi|remix|react-router|svelte-kit|vinxi|wrangler|"
    r"expo|turbo|gatsby|docusaurus|vitepress|vuepress|storybook|nest)\s+(run\s+)?(dev|develop|start:dev|preview)\b"
    r"|docusaurus\s+(start|serve)\b|gatsby\s+(develop|serve)\b|storybook\b|start-storybook\b|live-server\b|browser-sync\b|"
    r"(eleventy|@11ty/eleventy)\b.*--serve|(remix|expo)\s+(vite:)?(dev|start)\b|nest\s+start\s.*--(watch|debug)|gulp\b|grunt\b)"
)
_WATCHERS = (
    (re.compile(r"\bnodemon\s+(?=\S+\.[cm]?js\b)"), "node "),
    (re.compile(r"\bnode\s+--watch(-path=\S+)?\s+"), "node "),
    (re.compile(r"\btsx\s+(watch|--watch)\s+"), "tsx "),
    (re.compile(r"\bbun\s+(run\s+)?(--hot|--watch)\s+(run\s+)?"), "bun "),
)
_FILE_SERVER = re.compile(_PREFIX + r"(serve|http-server|sirv|sirv-cli|vite\s+preview)\b")
_EVERYTHING = re.compile(_PREFIX + r"(turbo|nx|lerna|wsrun|wireit|moon)\s")
_ANOTHER = re.compile(r"\b(?:npm|pnpm|yarn|bun)\s+(?:run\s+|run-script\s+)?([\w:.-]+)")
_FIXED_PORT = re.compile(r"(?<=\s)((?:-p|--port)[= ]?)(?:\d{2,5})\b")
_PORT_PROGRAMS = re.compile(r"\b(next\s+start|nuxi?\s+start|http-server|vite\s+preview|astro\s+preview|remix-serve)\b")
_SHELL = set("();|&<>`\n")

_PROGRAMS = {
    "nest": "@nestjs/cli",
    "ng": "@angular/cli",
    "tsc": "typescript",
    "dotenv": "dotenv-cli",
    "remix-serve": "@remix-run/serve",
    "react-router-serve": "@react-router/serve",
    "run-s": "npm-run-all",
    "run-p": "npm-run-all",
    "babel-node": "@babel/node",
    "sequelize": "sequelize-cli",
    "knex": "knex",
    "strapi": "@strapi/strapi",
    "fastify": "fastify-cli",
    "vue-cli-service": "@vue/cli-service",
    "ts-node-esm": "ts-node",
    "tsconfig-paths/register": "tsconfig-paths",
    "sirv": "sirv-cli",
    "pm2-runtime": "pm2",
    "medusa": "@medusajs/cli",
    "payload": "payload",
    "nuxi": "nuxt",
}
"""Packages whose programs go by another name."""


def is_for_development(script: str) -> bool:
    """What comes last stays running, so that is what is looked at."""
    return bool(_DEV_SERVER.match(re.split(r"&&|;", script)[-1].strip()))


def serves_files(script: str) -> bool:
    return bool(_FILE_SERVER.match(script))


def starts_everything(script: str) -> bool:
    """The script of a monorepo that starts all its packages at once, which is no one app."""
    return bool(_EVERYTHING.match(script))


def without_watcher(script: str) -> str:
    """The same command, not restarted when files change."""
    for pattern, plain in _WATCHERS:
        script = pattern.sub(plain, script)
    return script


def on_given_port(script: str) -> str:
    """Programs that know a flag for the port are told ours instead of a fixed one."""
    return _FIXED_PORT.sub(r"\g<1>$PORT", script) if _PORT_PROGRAMS.search(script) else script


def is_one_command(script: str) -> bool:
    """Whether a shell can run it itself: no other commands, nothing that only a package manager sets."""
    return not (_SHELL & set(script)) and "npm_" not in script


def programs(command: str, scripts: Mapping[str, str]) -> set[str]:
    """Names of packages that the command may need, the scripts it runs among them."""
    seen: set[str] = set()
    words = set(_words(command, scripts, seen))
    return words | {_PROGRAMS[word] for word in words & _PROGRAMS.keys()}


def _words(command: str, scripts: Mapping[str, str], seen: set[str]) -> Iterator[str]:
    for word in _split(command):
        name = word.removeprefix("node_modules/.bin/").removeprefix("./node_modules/.bin/")
        yield name
        scope, _, rest = name.partition("/")
        yield f"{scope}/{rest.partition('/')[0]}" if name.startswith("@") else scope
    for other in _ANOTHER.findall(command):
        for name in (f"pre{other}", other, f"post{other}"):
            if name in scripts and name not in seen:
                seen.add(name)
                yield from _words(scripts[name], scripts, seen)


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command.replace(";", " ").replace("&", " ").replace("|", " "))
    except ValueError:
        return command.split()
