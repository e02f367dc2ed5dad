"""The packages of one build: taken over from an earlier one or installed, and in the end pruned."""

import os
from collections.abc import Callable, Sequence

import msgspec

from deployd.builders.caches.fingerprint import Entry, fingerprint
from deployd.builders.caches.key import tree_key
from deployd.builders.caches.places import inside, outermost
from deployd.builders.caches.pruning import Difference, apply_difference, find_difference
from deployd.builders.caches.trees import Listing, TreeChanged, Trees, free
from deployd.builders.workshop import Place, Workshop
from deployd.domain.build import Dependencies, Tool
from deployd.kernel.in_thread import Check, in_thread

_PRUNE = "prune"


class Packages:
    """`installed` is what the tree of this build's key holds, None when there is no such tree."""

    def __init__(
        self,
        dependencies: Dependencies,
        workshop: Workshop,
        place: Place,
        trees: Trees,
        on_line: Callable[[str], None],
    ) -> None:
        self._dependencies = dependencies
        self._workshop = workshop
        self._place = place
        self._trees = trees
        self._on_line = on_line
        self._key = ""
        self._installed: Listing | None = None

    async def install(self, tools: Sequence[Tool]) -> None:
        self._key = await in_thread(lambda check: self._find_key(tools, check)) if self._dependencies.reusable else ""
        if self._key and await self._take_over():
            self._on_line("The packages are taken over from an earlier build: nothing that decides them has changed.")
            await self._run(self._dependencies.on_reuse)
            return
        await self._run(self._dependencies.steps)
        if self._key:
            await self._store()

    async def prune(self) -> None:
        """Runs the commands the first time; from then on does what they did."""
        steps = self._dependencies.prune
        if not steps:
            return
        if self._installed is None:
            await self._run(steps)
        elif await in_thread(self._prune_again):
            self._on_line("The packages for the build only are removed as in an earlier build.")
        else:
            before = await in_thread(self._look)
            await self._run(steps)
            await in_thread(lambda check: self._remember_prune(before, check))

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

    async def _store(self) -> None:
        try:
            self._installed = await in_thread(self._store_now)
        except OSError as error:
            self._on_line(f"The packages could not be kept for the next build: {error.strerror or error}.")

    def _store_now(self, check: Check) -> Listing | None:
        return self._trees.store(self._key, self._place.project, self._dependencies.folders, check)

    def _prune_again(self, check: Check) -> bool:
        try:
            text = self._trees.beside(self._key, _PRUNE).read_bytes()
            difference = msgspec.msgpack.decode(text, type=Difference)
        except (FileNotFoundError, msgspec.DecodeError):
            return False
        if difference.steps != self._dependencies.prune:
            return False
        return apply_difference(self._place.project, difference, self._trees.discard)

    def _look(self, check: Check) -> list[Entry] | None:
        """None when one of the folders is by now a link to somewhere else."""
        assert self._installed is not None
        project, names = self._place.project, self._installed.places
        return fingerprint(project, names, check) if all(inside(project, name) for name in names) else None

    def _remember_prune(self, before: Sequence[Entry] | None, check: Check) -> None:
        after = self._look(check)
        if before is None or after is None or self._installed is None:
            return
        steps = self._dependencies.prune
        difference = find_difference(self._place.project, steps, self._installed.entries, before, after)
        if difference is not None:
            self._trees.put_beside(self._key, _PRUNE, msgspec.msgpack.encode(difference))
