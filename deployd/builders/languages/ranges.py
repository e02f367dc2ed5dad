"""Ranges of versions as Ruby, Elixir and PHP write them, in the words that all tools are asked for in: npm's."""

import re

_PART = re.compile(r"(~>|~|\^|>=|<=|==|!=|=|>|<)?\s*+v?(\d++(?:\.(?:\d++|\*))*+)[\w.+-]*+")
_CLAUSE = re.compile(r"(?<![^\s,\d])[^\s,\d]*+ ?v?\d[\w.*+-]*+")


def ruby_range(text: str) -> str:
    """Ruby's and Elixir's: `~> 1.14` leaves the last number free to grow, `and` and a comma mean both."""
    alternatives = " ".join(text.split()).split(" or ")
    return " || ".join(_both(each.replace(" and ", ",").split(",")) for each in alternatives)


def composer_range(text: str) -> str:
    """PHP's: `|` for either, a comma or a space for both, and `~` as Ruby means `~>`."""
    return " || ".join(_both(_CLAUSE.findall(each)) for each in re.split(r"\|\|?", " ".join(text.split())))


def _both(parts: list[str]) -> str:
    return " ".join(_part(found[1] or "", found[2]) for part in parts if (found := _PART.fullmatch(part.strip())))


def _part(sign: str, version: str) -> str:
    if sign not in ("~>", "~"):
        return f"{'' if sign in ('=', '==') else sign}{version}"
    numbers = [int(number) for number in version.split(".") if number != "*"]
    above = numbers[:-1] or numbers
    above = [*above[:-1], above[-1] + 1]
    return f">={'.'.join(map(str, numbers))} <{'.'.join(map(str, above))}"
