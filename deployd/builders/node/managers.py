"""The package managers as data: what each is told to install, run and leave out."""

import re
import shlex

import msgspec

_QUIET = "--no-audit --no-fund --loglevel=warn"
_STORE = '"$PNPM_HOME/store"'
_PNPM_PRUNE = (
    "CI=true pnpm install --prod --frozen-lockfile --offline --ignore-scripts --config.modules-cache-max-age=0"
    f" --store-dir {_STORE}"
)
"""`pnpm prune` knows nothing of workspaces and takes other packages' dependencies away; the age lets nothing linger."""
_LIFECYCLE = ("preinstall", "install", "postinstall", "prepare")
_PLAIN = re.compile(r"[\w@%+=:,./-]+")


class Manager(msgspec.Struct, frozen=True, kw_only=True):
    """NODE_ENV is production throughout, so that an install has to ask for the tools of the build.

    `locked` installs what the lockfile says, `unlocked` what package.json allows, and writes no lockfile of its own
    where that can be helped; `run` and `exec` start a script and a package's program; `prune` leaves what production
    needs, without running scripts that may want what has just gone. `wipes` says that pruning installs anew, into
    folders that must be empty. Where programs only run through the manager, it is not `direct`, and `node` is what
    runs a file instead of node. `lifecycle` are the project's own scripts that an install runs, in order.
    """

    name: str
    tool: str | None
    title: str
    lockfiles: tuple[str, ...]
    locked: str
    unlocked: str
    run: str
    exec: str
    prune: str
    prune_unlocked: str
    wipes: bool = False
    node: str = "node"
    direct: bool = True
    lifecycle: tuple[str, ...] = _LIFECYCLE
    files: tuple[str, ...] = ()
    env: dict[str, str] = {}

    def script(self, name: str) -> str:
        return f"{self.run} {name if _PLAIN.fullmatch(name) else shlex.quote(name)}"

    def program(self, command: str) -> str:
        return f"{self.exec} {command}"

    def server(self, command: str) -> str:
        """The command as a process runs it: by itself where it can, so that it gets the signals."""
        if self.direct:
            return command
        name, _, rest = command.partition(" ")
        return f"{self.node} {rest}" if name == "node" else self.program(command)


NPM = Manager(
    name="npm",
    tool=None,  # comes with node
    title="npm",
    lockfiles=("package-lock.json", "npm-shrinkwrap.json"),
    locked=f"npm ci --include=dev --prefer-offline {_QUIET}",
    unlocked=f"npm install --include=dev --no-package-lock {_QUIET}",
    run="npm run",
    exec="npx --no-install",
    prune=f"npm prune --omit=dev --ignore-scripts {_QUIET}",
    prune_unlocked=f"npm prune --omit=dev --ignore-scripts --no-package-lock {_QUIET}",
)
PNPM = Manager(
    name="pnpm",
    tool="pnpm",
    title="pnpm",
    lockfiles=("pnpm-lock.yaml",),
    # It asks before it removes packages, unless it believes that nobody is there to answer.
    locked=f"CI=true pnpm install --frozen-lockfile --prod=false --store-dir {_STORE}",
    unlocked=f"CI=true pnpm install --no-frozen-lockfile --prod=false --store-dir {_STORE}",
    run="pnpm run",
    exec="pnpm exec",
    prune=_PNPM_PRUNE,
    prune_unlocked=_PNPM_PRUNE,
    files=("pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs"),
    # Pruned packages are no longer what the lockfile says; newer versions would install them again before any script.
    env={"pnpm_config_verify_deps_before_run": "false"},
)
YARN = Manager(
    name="yarn",
    tool="yarn",
    title="Yarn 1",
    lockfiles=("yarn.lock",),
    locked="yarn install --frozen-lockfile --production=false --non-interactive --prefer-offline",
    unlocked="yarn install --no-lockfile --production=false --non-interactive --prefer-offline",
    run="yarn run",
    exec="yarn --silent run",
    prune="yarn install --production --frozen-lockfile --ignore-scripts --prefer-offline --non-interactive",
    prune_unlocked="yarn install --production --no-lockfile --ignore-scripts --prefer-offline --non-interactive",
    files=(".yarnrc",),
)
BERRY = Manager(
    name="yarn berry",
    tool="yarn",
    title="Yarn",
    lockfiles=("yarn.lock",),
    locked="yarn install --immutable",
    unlocked="yarn install --no-immutable",
    run="yarn run",
    exec="yarn run",
    prune="YARN_ENABLE_SCRIPTS=false yarn workspaces focus --all --production",
    prune_unlocked="YARN_ENABLE_SCRIPTS=false yarn workspaces focus --all --production",
    lifecycle=("preinstall", "install", "postinstall"),
    files=(".yarnrc.yml",),
    env={"YARN_ENABLE_TELEMETRY": "false"},
)
PLUG_N_PLAY = msgspec.structs.replace(BERRY, node="yarn node", direct=False)
"""Yarn where no node_modules is made and all packages are found through files that are checked in."""

BUN = Manager(
    name="bun",
    tool="bun",
    title="Bun",
    lockfiles=("bun.lock", "bun.lockb"),
    locked="bun install --frozen-lockfile",
    unlocked="bun install --no-save",
    run="bun run",
    exec="bunx --no-install",
    prune="bun install --frozen-lockfile --production",
    prune_unlocked="bun install --no-save --production",
    wipes=True,
    files=("bunfig.toml",),
)
MANAGERS = (PNPM, BUN, YARN, BERRY, NPM)
"""In the order in which lockfiles win: npm writes its own beside any other when it is used once by mistake."""

CONVERTED = msgspec.structs.replace(
    BUN,
    lockfiles=tuple(name for manager in (BUN, *MANAGERS) for name in manager.lockfiles),
    locked=BUN.unlocked,
    prune=BUN.prune_unlocked,
    run="bun --bun run",
    exec="bunx --bun --no-install",
    node="bun",
    direct=False,
)
"""Bun for a project of another manager, whose lockfile it reads; programs meant for node run on bun too."""
