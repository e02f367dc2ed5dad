"""What lets a sandbox into its control group before anything of the build runs."""

import asyncio
import os

from deployd.builders.gate import gate
from deployd.limits.cgroup import Group


async def test_a_sandbox_that_ended_while_it_was_let_in_is_no_error_of_the_gate() -> None:
    """bwrap says itself what it could not do: a broken pipe would hide that."""
    ended = await asyncio.create_subprocess_exec("true")
    await ended.wait()
    async with gate(Group(())) as closed:
        with os.fdopen(os.dup(closed.info), "wb") as info:
            info.write(b'{"child-pid": %d}' % ended.pid)
        await closed.let_in(ended.pid)
