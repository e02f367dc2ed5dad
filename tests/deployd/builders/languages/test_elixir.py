"""Elixir: the release that mix makes, and what Phoenix adds."""

import pytest

from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import planned

PLAIN = 'def project do\n  [app: :shop, version: "0.1.0", elixir: "~> 1.14", deps: deps()]\nend'
PHOENIX = PLAIN + '\ndefp deps, do: [{:phoenix, "~> 1.7"}]\naliases: ["assets.deploy": ["esbuild default"]]'


def test_a_release_is_made_and_serves() -> None:
    plan = planned({"mix.exs": PLAIN, "mix.lock": ""})
    assert plan.steps == ("mix compile", "mix release --overwrite --path .deployd/release")
    assert plan.processes == {"web": ".deployd/release/bin/shop start"}
    assert (plan.env["MIX_ENV"], plan.kept, plan.tools[0].wanted) == ("prod", ("_build",), ">=1.14 <2")
    assert plan.dependencies is not None
    assert (plan.dependencies.folders, plan.dependencies.reusable) == (("deps",), True)


def test_phoenix_builds_its_assets_serves_and_asks_for_its_secret() -> None:
    plan = planned({"mix.exs": PHOENIX})
    assert plan.steps[1] == "mix assets.deploy"
    assert plan.env["PHX_SERVER"] == "true"
    assert any("SECRET_KEY_BASE" in reason for reason in plan.reasons)


def test_a_release_of_another_name_is_taken() -> None:
    plan = planned({"mix.exs": PLAIN + "\nreleases: [\n    store: [applications: []]]"})
    assert plan.steps[-1] == "mix release store --overwrite --path .deployd/release"
    assert plan.processes == {"web": ".deployd/release/bin/store start"}


def test_two_instances_on_one_host_do_not_claim_one_name() -> None:
    assert planned({"mix.exs": PLAIN}).env["RELEASE_DISTRIBUTION"] == "none"


@pytest.mark.parametrize(
    ("files", "asks"),
    [
        ({"mix.exs": PLAIN}, False),
        ({"mix.exs": PLAIN, "mix.lock": "%{}"}, True),
        ({"mix.exs": PHOENIX}, True),
        ({"mix.exs": PLAIN, "apps/web/mix.exs": "{:jason, github: 'a/a'}"}, True),
        ({"mix.exs": PLAIN + " mod: {Shop, []}"}, False),
    ],
)
def test_hex_is_only_fetched_for_a_project_that_asks_for_packages(files: dict[str, str], asks: bool) -> None:
    assert (planned(files).dependencies is not None) is asks


def test_a_procfile_makes_no_release_and_keeps_what_was_compiled() -> None:
    plan = planned({"mix.exs": PLAIN, "Procfile": "web: mix run --no-halt"})
    assert (plan.steps, plan.kept) == (("mix compile",), ())


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [('[apps_path: "apps"]', "is an umbrella without `releases`"), ("[]", "names no `app`")],
)
def test_what_has_no_name_is_refused(manifest: str, sentence: str) -> None:
    with pytest.raises(BuildFailed, match=sentence):
        planned({"mix.exs": manifest})
