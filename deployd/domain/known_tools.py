"""The tools that deployd knows: the npm packages it installs, and the programs that it expects on the host."""

import msgspec


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of the npm registry; `{arch}` in names is this machine's.

    `preferred` is the range taken when a project names none. `programs` maps names to files of the package, for one
    that does not say itself what its programs are. `scripts` are run for one that lays itself out with them.
    """

    name: str
    preferred: str
    programs: dict[str, str] = {}
    scripts: bool = False


class HostProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that only the host can have. `says` stands before the version in what `program arguments` prints."""

    program: str
    package: str
    arguments: tuple[str, ...] = ("--version",)
    says: str = ""


NODE_PROGRAM = HostProgram(program="node", package="nodejs")

PACKAGES = {
    "npm": Package(name="npm", preferred="^10"),
    "pnpm": Package(name="pnpm", preferred="^10", scripts=True),
    "yarn": Package(name="yarn", preferred="^1"),
    "bun": Package(name="@oven/bun-linux-{arch}", preferred="^1", programs={"bun": "bin/bun", "bunx": "bin/bun"}),
    "deno": Package(name="@deno/linux-{arch}-glibc", preferred="^2", programs={"deno": "deno"}),
}
YARN_BERRY = Package(name="@yarnpkg/cli-dist", preferred="^4")

NEEDS_NODE = {"pnpm": {7: "14.6.0", 8: "16.14.0", 9: "18.12.0", 10: "18.12.0", 11: "22.13.0"}}
"""The oldest Node that a major of a tool runs on."""

HOST_PROGRAMS = {
    "go": HostProgram(program="go", package="golang-go", arguments=("version",)),
    "rust": HostProgram(program="rustc", package="rustc"),
    "rustc": HostProgram(program="rustc", package="rustc"),
    "cargo": HostProgram(program="cargo", package="cargo"),
    "java": HostProgram(program="java", package="default-jdk"),
    "mvn": HostProgram(program="mvn", package="maven"),
    "maven": HostProgram(program="mvn", package="maven"),
    "gradle": HostProgram(program="gradle", package="gradle", says="Gradle "),
    "ruby": HostProgram(program="ruby", package="ruby-full"),
    "bundle": HostProgram(program="bundle", package="bundler"),
    "bundler": HostProgram(program="bundle", package="bundler"),
    "jekyll": HostProgram(program="jekyll", package="jekyll"),
    "php": HostProgram(program="php", package="php-cli"),
    "composer": HostProgram(program="composer", package="composer", says="Composer version "),
    "hugo": HostProgram(program="hugo", package="hugo", arguments=("version",)),
    "erlang": HostProgram(program="erl", package="erlang", arguments=("-version",)),
    "elixir": HostProgram(program="elixir", package="elixir", says="Elixir "),
    "mix": HostProgram(program="mix", package="elixir", says="Mix "),
    "git-lfs": HostProgram(program="git-lfs", package="git-lfs"),
    "make": HostProgram(program="make", package="make"),
    "cmake": HostProgram(program="cmake", package="cmake"),
    "gcc": HostProgram(program="gcc", package="build-essential"),
    "perl": HostProgram(program="perl", package="perl"),
}

KNOWN_TOOLS = frozenset({"node", "python", "uv", *PACKAGES, *HOST_PROGRAMS})
"""All of which a version can be asked for."""
