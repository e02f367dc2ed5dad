"""Passwords are compared in threads: the same ones once, and only so many at a time."""

import asyncio

from deployd.kernel.owned_tasks import OwnedTasks
from deployd.proxy.door.basic_auth import Attempt, BasicAuth
from deployd.proxy.door.password import hash_password
from deployd.proxy.password_checks import PasswordChecks

STORED = hash_password(b"open sesame")
AUTH = BasicAuth({"me": STORED}, "shop")


def attempt(password: bytes) -> Attempt:
    return Attempt(AUTH, password, password, STORED, "192.0.2.1")


async def test_many_who_ask_with_the_same_credentials_share_one_answer() -> None:
    tasks = OwnedTasks()
    checks = PasswordChecks(tasks)
    answers: list[bool] = []
    for _ in range(200):
        assert checks.ask(attempt(b"open sesame"), answers.append)
    assert checks.ask(attempt(b"wrong"), answers.append)
    assert len(tasks) == 2
    async with asyncio.timeout(10):
        while len(answers) < 201:
            await asyncio.sleep(0.001)
    assert (answers.count(True), answers.count(False)) == (200, 1)
    await tasks.cancel(1)


async def test_a_flood_is_told_to_come_back_instead_of_filling_the_threads() -> None:
    tasks = OwnedTasks()
    checks = PasswordChecks(tasks)
    answers: list[bool] = []
    taken = [checks.ask(attempt(b"%d" % guess), answers.append) for guess in range(100)]
    assert taken == [True] * 64 + [False] * 36
    assert checks.ask(attempt(b"0"), answers.append), "who asks for the same waits for the same answer"
    await tasks.cancel(1)
