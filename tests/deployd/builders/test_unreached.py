"""What package managers say when their registry is out of reach, and which host is made out in it."""

import pytest

from deployd.builders.caps import Caps
from deployd.builders.ending import what_went_wrong
from deployd.builders.run import NO_GROUP
from deployd.builders.unreached import Unreached

SAID = {
    "[ERROR] Plugin x: Unknown host maven.example.org: Name or service not known -> [Help 1]": ("maven.example.org"),
    "Connect to repo.example.com:443 [repo.example.com/192.0.2.1] failed: Connection refused": "repo.example.com",
    "            > maven.example.org: Name or service not known": "maven.example.org",
    "  failed to resolve address for github.com: Name or service not known; class=Net (12)": "github.com",
    "  [6] Could not resolve hostname (Could not resolve host: index.example.org)": "index.example.org",
    '  The "https://php.example.org/packages.json" file could not be downloaded': "php.example.org",
    "Could not install Hex because Mix could not download metadata at https://hex.example.org/installs/hex-1.x.csv.": (
        "hex.example.org"
    ),
    "Could not reach host gems.example.org. Check your network connection and try again.": "gems.example.org",
    "dial tcp: lookup go.example.org on 192.0.2.1:53: no such host": "go.example.org",
    "npm error request to https://x failed, reason: getaddrinfo ENOTFOUND npm.example.org": "npm.example.org",
    "  error sending request for url (https://python.example.org/simple/flask/)": "python.example.org",
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
    said = what_went_wrong("mvn package", 1, NO_GROUP, Caps(), "maven.example.org")
    assert said == (
        "The build step `mvn package` exited with code 1: it could not reach maven.example.org; "
        "the build log says more."
    )


def test_a_step_that_ended_well_needs_no_reason() -> None:
    assert what_went_wrong("mvn package", 0, NO_GROUP, Caps(), "maven.example.org") is None
