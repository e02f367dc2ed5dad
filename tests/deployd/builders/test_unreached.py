"""What package managers say when their registry is out of reach, and which host is made out in it."""

import pytest

from deployd.builders.caps import Caps
from deployd.builders.ending import what_went_wrong
from deployd.builders.run import NO_GROUP
from deployd.builders.unreached import Unreached

SAID = {
    "[ERROR] Plugin x: Unknown host repo.maven.apache.org: Name or service not known -> [Help 1]": (
        "repo.maven.apache.org"
    ),
    "Connect to repo.example.com:443 [repo.example.com/192.0.2.1] failed: Connection refused": "repo.example.com",
    "            > repo.maven.apache.org: Name or service not known": "repo.maven.apache.org",
    "  failed to resolve address for github.com: Name or service not known; class=Net (12)": "github.com",
    "  [6] Could not resolve hostname (Could not resolve host: index.crates.io)": "index.crates.io",
    '  The "https://repo.packagist.org/packages.json" file could not be downloaded': "repo.packagist.org",
    "Could not install Hex because Mix could not download metadata at https://repo.hex.pm/installs/hex-1.x.csv.": (
        "repo.hex.pm"
    ),
    "Could not reach host index.rubygems.org. Check your network connection and try again.": "index.rubygems.org",
    "dial tcp: lookup proxy.golang.org on 192.0.2.1:53: no such host": "proxy.golang.org",
    "npm error request to https://x failed, reason: getaddrinfo ENOTFOUND registry.npmjs.org": "registry.npmjs.org",
    "  error sending request for url (https://pypi.org/simple/flask/)": "pypi.org",
    "src/app.ts(3,1): error TS2304: Cannot find name 'host'.": None,
}


@pytest.mark.parametrize("line", SAID)
def test_the_host_is_made_out(line: str) -> None:
    passed_on: list[str] = []
    heard = Unreached(passed_on.append)
    heard("first")
    heard(line)
    heard("last")
    assert SAID[line] == heard.host
    assert passed_on == ["first", line, "last"]


def test_the_reason_of_a_failed_step_names_the_host() -> None:
    said = what_went_wrong("mvn package", 1, NO_GROUP, Caps(), "repo.maven.apache.org")
    assert said == (
        "The build step `mvn package` exited with code 1: it could not reach repo.maven.apache.org; "
        "the build log says more."
    )


def test_a_step_that_ended_well_needs_no_reason() -> None:
    assert what_went_wrong("mvn package", 0, NO_GROUP, Caps(), "repo.maven.apache.org") is None
