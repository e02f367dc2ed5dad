"""The packages of one build: taken over from an earlier one or installed, and in the end pruned."""

import asyncio
import errno
import os
import time
from collections.abc import Callable, Sequence

import msgspec

from deployd.builders.caches.fingerprint import Entry, fingerprint, look_again
from deployd.builders.caches.key import tree_key
from deployd.builders.caches.places import inside, outermost
from deployd.builders.caches.pruning import Difference, apply_difference, find_difference
from deployd.builders.caches.trees import Listing, Taken, TreeChanged, Trees, free
from deployd.builders.workshop import Place, Workshop
from deployd.domain.build import Dependencies, Tool
from deployd.kernel.in_thread import Check, in_thread
from deployd.kernel.owned_tasks import OwnedTasks

_PRUNE = "prune"
_TAKEN_AWAY = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE)


class Packages:
    """`installed` is what the tree of this build's key holds, None when there is no such tree."""

    def __init__(
        self,
        dependencies: Dependencies,
        workshop: Workshop,
        place: Place,
        trees: Trees,
        tasks: OwnedTasks,
        on_line: Callable[[str], None],
    ) -> None:
        self._dependencies = dependencies
        self._workshop = workshop
        self._place = place
        self._trees = trees
        self._tasks = tasks
        self._on_line = on_line
        self._key = ""
        self._installed: Listing | None = None
        self._storing: asyncio.Task[None] | None = None

    async def install(self, tools: Sequence[Tool]) -> None:
        """What it has installed is still being stored when it returns: see `stored`."""
        self._key = await in_thread(lambda check: self._find_key(tools, check)) if self._dependencies.reusable else ""
        if self._key and await self._take_over():
            self._on_line("The packages are taken over from an earlier build: nothing that decides them has changed.")
            await self._run(self._dependencies.on_reuse)
            return
        await self._run(self._dependencies.steps)
        if self._key:
            await self._begin_to_store()

    async def stored(self) -> None:
        """Returns when nothing of the project is being read any more. Cancelling it stops the storing."""
        if self._storing is not None:
            await self._storing

    async def prune(self) -> None:
        """Runs the commands the first time; from then on does what they did."""
        steps = self._dependencies.prune
        if not steps:
            return
        await self.stored()
        if self._installed is None:
            await self._run(steps)
        elif await in_thread(self._prune_again):
            self._on_line("The packages for the build only are removed as in an earlier build.")
        else:
            since_ns = time.time_ns()
            before = await in_thread(self._look_again)
            await self._run(steps)
            await in_thread(lambda check: self._remember_prune(before, since_ns, check))

    async def _run(self, steps: Sequence[str]) -> None:
        for step in steps:
            await self._workshop.run(step, self._place, self._on_line, self._dependencies.at)

    def _find_key(self, tools: Sequence[Tool], check: Check) -> str:
        """Empty when the packages can be neither taken over nor kept."""
        if not free(self._place.project, outermost(self._dependencies.folders)):
            return ""
        return tree_key(self._place.project, self._dependencies, tools, self._place.env, check) or ""

    async def _take_over(self) -> bool:
        try:
            self._installed = await in_thread(lambda check: self._trees.bring(self._key, self._place.project, check))
        except TreeChanged as change:
            first = os.fsdecode(change.paths[0]).encode("utf-8", "replace").decode()
            self._on_line(
                f"An earlier build has written into kept packages ({first}); they are installed afresh, and such "
                "files are copied from now on."
            )
        return self._installed is not None

    async def _begin_to_store(self) -> None:
        """What is copied is copied before the app's own steps can write to it; to link the rest may take its time."""
        try:
            taken = await in_thread(self._take)
        except OSError as error:
            self._tell_not_kept(error)
            return
        if taken is not None:
            self._installed = taken.listing
            self._storing = self._tasks.spawn(self._store(taken), name=f"store packages of {self._place.project.name}")

    def _take(self, check: Check) -> Taken | None:
        return self._trees.take(self._place.project, self._dependencies.folders, check)

    async def _store(self, taken: Taken) -> None:
        try:
            await in_thread(lambda check: self._trees.store(self._key, taken, check))
        except OSError as error:
            self._installed = None
            self._tell_not_kept(error)

    def _tell_not_kept(self, error: OSError) -> None:
        why = "the app's own steps changed them" if error.errno in _TAKEN_AWAY else error.strerror or error
        self._on_line(f"The packages could not be kept for the next build: {why}.")

    def _prune_again(self, check: Check) -> bool:
        try:
            text = self._trees.beside(self._key, _PRUNE).read_bytes()
            difference = msgspec.msgpack.decode(text, type=Difference)
        except (FileNotFoundError, msgspec.DecodeError):
            return False
        if difference.steps != self._dependencies.prune:
            return False
        return apply_difference(self._place.project, difference, self._trees.discard)

    def _look_again(self, check: Check) -> list[Entry] | None:
        """None when one of the folders is by now a link to somewhere else."""
        assert self._installed is not None
        return look_again(self._place.project, self._installed.entries, check) if self._in_place() else None

    def _in_place(self) -> bool:
        assert self._installed is not None
        return all(inside(self._place.project, name) for name in self._installed.places)

    def _remember_prune(self, before: Sequence[Entry] | None, since_ns: int, check: Check) -> None:
        if before is None or self._installed is None or not self._in_place():
            return
        project, installed, steps = self._place.project, self._installed, self._dependencies.prune
        after = fingerprint(project, installed.places, check)
        difference = find_difference(project, steps, installed.entries, before, after, since_ns)
        if difference is not None:
            self._trees.put_beside(self._key, _PRUNE, msgspec.msgpack.encode(difference))
