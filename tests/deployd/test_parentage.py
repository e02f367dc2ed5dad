"""Who waits for deployd to end."""

import pytest

from deployd.parentage import ends_with_us, why_not_replaceable


@pytest.mark.parametrize(
    ("pid", "parent", "first", "expected"),
    [
        (1, 0, "deployd", True),
        (7, 1, "tini", True),
        (7, 0, "pause", True),
        (700, 1, "systemd", False),
        (700, 600, "tini", False),
    ],
)
def test_the_first_process_of_a_container_cannot_be_followed(pid: int, parent: int, first: str, expected: bool) -> None:
    assert expected is ends_with_us(pid, parent, first)


def test_where_a_service_manager_is_told_who_comes_next_anybody_can() -> None:
    assert why_not_replaceable(managed=True) is None
