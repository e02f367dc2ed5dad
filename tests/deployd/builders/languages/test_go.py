"""Go modules: which program is built, and when there is none."""

import pytest

from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, planned

MAIN = "// Package main serves.\npackage main\n"
MOD = {"go.mod": "module example.com/team/shop/v2\n\ngo 1.22\n"}

PROGRAMS: dict[str, tuple[Files, str]] = {
    "at the top": ({"main.go": MAIN}, "."),
    "at the top with others": ({"main.go": MAIN, "cmd/tool/main.go": MAIN}, "."),
    "one in cmd": ({"cmd/whatever/main.go": MAIN}, "./cmd/whatever"),
    "named like the module": ({"cmd/shop/main.go": MAIN, "cmd/server/main.go": MAIN}, "./cmd/shop"),
    "named server": ({"cmd/tool/main.go": MAIN, "cmd/server/main.go": MAIN}, "./cmd/server"),
    "web before api": ({"cmd/api/main.go": MAIN, "cmd/web/main.go": MAIN}, "./cmd/web"),
    "one folder": ({"service/run.go": MAIN, "lib/lib.go": "package lib"}, "./service"),
    "tests are no programs": ({"x_test.go": MAIN, "cmd/a/a.go": MAIN}, "./cmd/a"),
    "other people's are not ours": ({"vendor/main.go": MAIN, "examples/main.go": MAIN, "cmd/a/a.go": MAIN}, "./cmd/a"),
    "deep ones are not looked at": ({"cmd/a/a.go": MAIN, "internal/tools/gen/main.go": MAIN}, "./cmd/a"),
}  # fmt: skip


@pytest.mark.parametrize("case", PROGRAMS)
def test_the_program_that_serves_is_built(case: str) -> None:
    files, folder = PROGRAMS[case]
    plan = planned({**MOD, **files})
    assert plan.steps == (f"go build -o .deployd/app {folder}",)
    assert (plan.builder, plan.processes, [tool.name for tool in plan.tools]) == (
        "go",
        {"web": "./.deployd/app"},
        ["go"],
    )


def test_several_programs_are_refused_with_their_names() -> None:
    files = {**MOD, "cmd/one/main.go": MAIN, "cmd/two/main.go": MAIN}
    with pytest.raises(BuildFailed, match=r"several programs \(cmd/one, cmd/two\): say one with `build.build`"):
        planned(files)
    plan = planned(files, build="go build -o app ./cmd/two", start="./app")
    assert (plan.steps, plan.processes) == (("go build -o app ./cmd/two",), {"web": "./app"})


def test_a_procfile_names_the_programs_in_bin() -> None:
    plan = planned({**MOD, "main.go": MAIN, "Procfile": "web: bin/shop\nworker: bin/work"})
    assert plan.steps == ("mkdir -p bin", "go build -o bin/ ./...")
    assert plan.processes == {"web": "bin/shop", "worker": "bin/work"}


def test_a_worker_keeps_the_program_that_serves() -> None:
    plan = planned({**MOD, "main.go": MAIN, "Procfile": "worker: ./.deployd/app work"})
    assert plan.processes == {"web": "./.deployd/app", "worker": "./.deployd/app work"}


def test_another_build_has_to_say_what_runs() -> None:
    with pytest.raises(BuildFailed, match=r"say in `build\.start` what runs"):
        planned({**MOD, "main.go": MAIN}, build="make")


def test_a_version_can_be_asked_for() -> None:
    assert planned({**MOD, "main.go": MAIN}, tools={"go": ">=1.22"}).tools[0].wanted == ">=1.22"
