import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.domain.secret import Secret
from deployd.logs.redaction import REDACTED, Redactor

SHOP = AppName("shop")
VALUE = 'p4ss/w0rd+"ü"&key='


def _redactor(*values: str) -> Redactor:
    redactor = Redactor()
    redactor.remember(SHOP, [Secret(value) for value in values])
    return redactor


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        base64.b64encode(VALUE.encode()).decode().rstrip("="),
    ],
)
def test_a_secret_is_taken_out_in_every_form(form: str) -> None:
    assert f"using {REDACTED} now" == _redactor(VALUE).redact(SHOP, f"using {form} now")


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "some-user:"])
@pytest.mark.parametrize("after", ["", "x", "xy"])
def test_a_secret_inside_a_longer_base64_text_is_taken_out_at_any_alignment(before: str, after: str) -> None:
    secret = "correct horse battery"
    header = "Authorization: Basic " + base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    redacted = _redactor(secret).redact(SHOP, header)
    assert REDACTED in redacted
    # At each end one character may stay that holds bits of its neighbour too.
    hidden = len(header) - len(redacted.replace(REDACTED, ""))
    assert hidden >= len(secret) * 8 // 6 - 1


def test_the_password_of_a_url_is_secret_by_itself() -> None:
    redactor = _redactor("postgres://shop:hunter2hunter2@db.internal:5432/shop")
    assert f"password {REDACTED} was refused" == redactor.redact(SHOP, "password hunter2hunter2 was refused")
    assert f"dsn={REDACTED}" == redactor.redact(SHOP, "dsn=postgres://shop:hunter2hunter2@db.internal:5432/shop")


def test_each_line_of_a_key_file_is_secret() -> None:
    redactor = _redactor("-----BEGIN KEY-----\nMIIEvgIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n")
    assert redactor.redact(SHOP, "kqhkiG9w0BAQEF") == REDACTED


def test_the_longer_of_two_overlapping_secrets_wins() -> None:
    assert f"[{REDACTED}]" == _redactor("token-1", "token-123456").redact(SHOP, "[token-123456]")


def test_values_of_regular_expression_signs_are_taken_literally() -> None:
    redactor = _redactor("a.*b(c|d)[", ".......")
    assert f"x {REDACTED} y axxbc" == redactor.redact(SHOP, "x a.*b(c|d)[ y axxbc")


def test_a_replaced_value_stays_hidden() -> None:
    redactor = _redactor("old-value-1")
    redactor.remember(SHOP, [Secret("new-value-2")])
    assert f"{REDACTED} {REDACTED}" == redactor.redact(SHOP, "old-value-1 new-value-2")


def test_an_app_keeps_the_values_told_last_when_there_are_too_many() -> None:
    redactor = Redactor()
    for number in range(600):
        redactor.remember(SHOP, [Secret(f"value-{number:04}")])
    assert f"value-0001 {REDACTED}" == redactor.redact(SHOP, "value-0001 value-0599")


def test_other_apps_are_left_alone_but_deployds_own_lines_hide_every_value() -> None:
    redactor = _redactor("shop-secret")
    assert redactor.redact(AppName("blog"), "shop-secret") == "shop-secret"
    assert redactor.redact(SYSTEM_APP, "shop-secret") == REDACTED
