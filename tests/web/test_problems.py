"""Each expected error has one HTTP status, and none is forgotten."""

import pytest

from deployd.domain import errors
from deployd.domain.errors import DeploydError
from deployd.kernel.errors import ActorStopped, AskTimeout, MailboxFull
from web.problems import STATUS_OF, status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UserMistake("x"), 400),
        (errors.NotFound("x"), 404),
        (errors.StateConflict("x"), 409),
        (errors.BuildFailed("x"), 422),
        (errors.StartFailed("x"), 422),
        (errors.ProviderUnavailable("x"), 503),
        (errors.StoreUnusable("x"), 500),
        (AskTimeout("x"), 503),
        (ActorStopped("x"), 503),
        (MailboxFull("x"), 503),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int) -> None:
    assert status_of(error)[0] == status


def test_a_narrower_error_than_the_table_knows_gets_the_status_of_its_base() -> None:
    class HostTaken(errors.UserMistake):
        pass

    assert status_of(HostTaken("x"))[0] == 400


def test_no_error_of_the_domain_is_missing_from_the_table() -> None:
    known = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DeploydError)}
    assert known - STATUS_OF.keys() == set()
