"""Which target gets the next request: the one with less in flight of two taken at random."""

from collections.abc import Sequence
from random import random

from deployd.proxy.target import Target


def pick(targets: Sequence[Target], now: float, avoid: Target | None = None) -> Target:
    """Skips targets that refused a connection lately, and `avoid`, as long as another one is left."""
    if len(targets) == 1:
        return targets[0]
    able = [target for target in targets if target.refused_until <= now and target is not avoid]
    if not able:
        able = [target for target in targets if target is not avoid] or list(targets)
    count = len(able)
    if count == 1:
        return able[0]
    first = int(random() * count)
    second = (first + 1 + int(random() * (count - 1))) % count
    return able[first] if len(able[first].exchanges) <= len(able[second].exchanges) else able[second]
