"""Finds text that no program can be given: arguments, paths and variables end at a NUL byte."""


def place_of_nul(value: object, at: str = "") -> str | None:
    """Such as `commands.web`; None when there is no NUL byte in what JSON is made of."""
    match value:
        case str():
            return at if "\0" in value else None
        case dict():
            parts = [(f"{at}.{key}".lstrip(".").replace("\0", "\\0"), part) for key, part in value.items()]
            parts += [(place, key) for (place, _), key in zip(parts, value, strict=True)]
        case list() | tuple():
            parts = [(f"{at}[{number}]", part) for number, part in enumerate(value)]
        case _:
            return None
    return next((found for place, part in parts if (found := place_of_nul(part, place)) is not None), None)
