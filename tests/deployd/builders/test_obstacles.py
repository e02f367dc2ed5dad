"""Where builds cannot be shut in, the reason and the remedy are those of this very host."""

import pytest

from deployd.builders.obstacles import NOT_INSTALLED, Host, obstacle, open_builds, refusal
from deployd.builders.registry_env import on_loopback
from deployd.builders.workshop import Workshop


@pytest.mark.parametrize(
    ("host", "why", "remedy"),
    [
        (Host(max_user_namespaces=0), "are switched off", "sysctl -w user.max_user_namespaces="),
        (Host(userns_clone=0), "are for root alone", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (Host(apparmor_restricts=1), "AppArmor restricts user namespaces", "bwrap-userns-restrict"),
        (Host(container=True, apparmor_restricts=1), "this container may not", "--security-opt seccomp=unconfined"),
        (Host(max_user_namespaces=100, userns_clone=1, apparmor_restricts=0), "not work here: no", "SELinux"),
    ],
)
def test_the_remedy_is_for_what_is_in_the_way(host: Host, why: str, remedy: str) -> None:
    found = obstacle("no", host)
    assert why in found.why
    assert remedy in found.remedy


def test_a_refusal_says_what_to_do_and_what_the_way_around_costs() -> None:
    assert refusal(NOT_INSTALLED) == (
        "Builds with steps are refused, since this host cannot sandbox them (bubblewrap is not installed): to mend "
        "that, `apt install bubblewrap`. Or set `unsandboxed = true` under [deploy]: such builds can read all that "
        "deployd can, its master key included."
    )
    assert open_builds(NOT_INSTALLED).startswith("Builds are not sandboxed ([deploy] unsandboxed = true; bubblewrap is")


@pytest.mark.parametrize(
    ("value", "lies_there"),
    [
        ("http://127.0.0.1:3128", True),
        ("http://user:word@localhost:4873/", True),
        ("https://[::1]/simple", True),
        ("https://registry.example.com/127.0.0.1", False),
        ("http://localhost.example.com", False),
        ("180", False),
    ],
)
def test_a_registry_on_the_loopback_is_warned_of_where_builds_are_isolated(value: str, lies_there: bool) -> None:
    env = {"HTTPS_PROXY": value, "NO_PROXY": "http://localhost"}
    assert on_loopback(env) == (["HTTPS_PROXY"] if lies_there else [])
    isolated, open_to_it = (Workshop(pass_env=env, network=network) for network in ("isolated", "host"))
    assert ["what HTTPS_PROXY in deployd's environment" in one for one in isolated.warnings()] == [True] * lies_there
    assert open_to_it.warnings() == ()
