"""Which names get a certificate, and when it is renewed."""

import pytest

from deployd.domain.certificate import (
    DAY_MS,
    Certificate,
    RenewalWindow,
    covers,
    expires_soon,
    moment_in,
    names_to_certify,
    renew_at_ms,
)
from deployd.domain.secret import Secret


def lasting(days: int) -> Certificate:
    return Certificate(names=("a.example.com",), chain="", key=Secret(""), not_before_ms=0, not_after_ms=days * DAY_MS)


@pytest.mark.parametrize(
    ("host", "public", "private"),
    [
        ("shop.example.com", True, True),
        ("shop.example.com/api", True, True),
        ("SHOP.example.com.", True, True),
        ("*.example.com", False, False),
        ("*.example.com/api", False, False),
        ("shop", False, False),
        ("localhost", False, False),
        ("shop.localhost", False, False),
        ("192.0.2.7", False, False),
        ("[2001:db8::1]", False, False),
        ("shop.test", False, True),
        ("nas.home.arpa", False, True),
        ("shop.corp.internal", False, True),
        ("internal.example.com", True, True),
    ],
)
def test_a_name_is_certified_when_a_visit_can_prove_it(host: str, public: bool, private: bool) -> None:
    assert bool(names_to_certify([host], public=True)[0]) is public
    assert bool(names_to_certify([host], public=False)[0]) is private


def test_paths_case_and_dots_do_not_make_two_names_of_one() -> None:
    hosts = ("shop.example.com", "shop.example.com/api", "Shop.Example.com.", "*.example.com")
    assert names_to_certify(hosts, public=True) == ({"shop.example.com"}, {"*.example.com"})


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("a.example.com", "a.example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "*.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("a.example.com", "b.example.com", False),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern: str, name: str, expected: bool) -> None:
    assert covers(pattern, name) is expected


@pytest.mark.parametrize(("chance", "day"), [(0.0, 60), (1.0, 57)])
def test_a_certificate_is_renewed_with_a_third_of_its_life_left_or_a_little_before(chance: float, day: int) -> None:
    assert renew_at_ms(lasting(90), lambda: chance) == day * DAY_MS


@pytest.mark.parametrize(("life", "alert_at_days_left"), [(90, 14), (64, 14), (45, 14), (40, 10), (6, 1.5)])
def test_the_alert_comes_after_the_renewal_should_have(life: int, alert_at_days_left: float) -> None:
    certificate = lasting(life)
    end = certificate.not_after_ms
    assert expires_soon(certificate, int(end - alert_at_days_left * DAY_MS) + 1)
    assert not expires_soon(certificate, int(end - alert_at_days_left * DAY_MS))
    assert renew_at_ms(certificate, lambda: 0.0) < end - alert_at_days_left * DAY_MS


def test_a_moment_is_picked_within_the_suggested_window() -> None:
    window = RenewalWindow(start_ms=1000, end_ms=3000, ask_again_seconds=1.0)
    assert [moment_in(window, lambda chance=chance: chance) for chance in (0.0, 0.5)] == [1000, 2000]  # type: ignore[misc]
