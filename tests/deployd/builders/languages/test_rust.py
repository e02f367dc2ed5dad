"""Rust packages and workspaces: which binary is built, what is kept."""

import pytest

from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, planned

PACKAGE = '[package]\nname = "shop"\nversion = "1.0.0"\n'
BIN = '[[bin]]\nname = "{}"\npath = "{}"\n'
WORKSPACE = '[workspace]\nmembers = ["crates/*", "api"]\n'

BINARIES: dict[str, tuple[Files, str]] = {
    "its own": ({"Cargo.toml": PACKAGE, "src/main.rs": ""}, "shop"),
    "with another name": ({"Cargo.toml": PACKAGE + BIN.format("other", "src/main.rs"), "src/main.rs": ""}, "other"),
    "in src/bin": ({"Cargo.toml": PACKAGE, "src/lib.rs": "", "src/bin/serve.rs": ""}, "serve"),
    "in a folder of src/bin": ({"Cargo.toml": PACKAGE, "src/bin/serve/main.rs": ""}, "serve"),
    "named server": ({"Cargo.toml": PACKAGE, "src/bin/tool.rs": "", "src/bin/server.rs": ""}, "server"),
    "the default": (
        {"Cargo.toml": PACKAGE + 'default-run = "b"\n', "src/bin/a.rs": "", "src/bin/b.rs": "", "src/bin/web.rs": ""},
        "b",
    ),
    "in a workspace": (
        {"Cargo.toml": WORKSPACE, "crates/lib/Cargo.toml": '[package]\nname="lib"', "crates/lib/src/lib.rs": "",
         "api/Cargo.toml": '[package]\nname="the-api"', "api/src/main.rs": ""},
        "the-api",
    ),
    "in a folder of a workspace": (
        {"Cargo.toml": WORKSPACE, "crates/web/Cargo.toml": '[package]\nname="web"', "crates/web/src/main.rs": "",
         "crates/tool/Cargo.toml": '[package]\nname="tool"', "crates/tool/src/main.rs": ""},
        "web",
    ),
    "with line ends of Windows": ({"Cargo.toml": "\ufeff" + PACKAGE.replace("\n", "\r\n"), "src/main.rs": ""}, "shop"),
}  # fmt: skip


@pytest.mark.parametrize("case", BINARIES)
def test_the_binary_that_serves_is_built_and_the_rest_kept(case: str) -> None:
    files, name = BINARIES[case]
    plan = planned({**files, "Cargo.lock": ""})
    assert plan.steps == (
        f"cargo build --release --locked --bin {name}",
        f"mkdir -p .deployd && cp target/release/{name} .deployd/app",
    )
    assert (plan.processes, plan.kept, plan.tools[0].name) == ({"web": "./.deployd/app"}, ("target",), "cargo")


def test_without_a_lockfile_it_is_not_asked_for() -> None:
    assert planned({"Cargo.toml": PACKAGE, "src/main.rs": ""}).steps[0] == "cargo build --release --bin shop"


def test_a_procfile_that_runs_from_target_leaves_it_in_the_artifact() -> None:
    plan = planned({"Cargo.toml": PACKAGE, "src/main.rs": "", "Procfile": "web: ./target/release/shop"})
    assert (plan.builder, plan.kept, plan.steps) == ("rust", (), ("cargo build --release",))


REFUSED: dict[str, tuple[Files, str]] = {
    "several": (
        {"Cargo.toml": PACKAGE, "src/bin/a.rs": "", "src/bin/b.rs": ""}, r"several binaries \(a, b\): name one with",
    ),
    "not TOML": ({"Cargo.toml": "["}, "Cargo.toml cannot be read"),
    "a library alone": ({"Cargo.toml": PACKAGE, "src/lib.rs": ""}, "Nothing here says how to run"),
    "a package of another shape": ({"Cargo.toml": "package = 1"}, "Nothing here says how to run"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_built_is_refused(case: str) -> None:
    files, sentence = REFUSED[case]
    with pytest.raises(BuildFailed, match=sentence):
        planned(files)


def test_another_build_has_to_say_what_runs() -> None:
    with pytest.raises(BuildFailed, match=r"say in `build\.start` what runs"):
        planned({"Cargo.toml": PACKAGE, "src/main.rs": ""}, build="make")
