"""Whether a target that is asked again and again should get requests."""

from typing import Self

import msgspec

MISSES = 3
SUCCESSES = 2


class VitalSign(msgspec.Struct, frozen=True, kw_only=True):
    """`in_a_row` counts the answers that speak against the present state; one that does not starts it over."""

    out: bool = False
    in_a_row: int = 0

    def after(self, well: bool) -> Self:
        if well != self.out:
            return type(self)(out=self.out)
        count = self.in_a_row + 1
        if count >= (SUCCESSES if self.out else MISSES):
            return type(self)(out=not self.out)
        return type(self)(out=self.out, in_a_row=count)
