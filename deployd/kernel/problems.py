"""What is wrong right now, as sentences, each under the name of who says so."""


class Problems:
    """Shown by /readyz and on the page until the one who said it takes it back."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    def say(self, name: str, sentence: str) -> None:
        self._sentences[name] = sentence

    def clear(self, name: str) -> None:
        self._sentences.pop(name, None)

    def all(self) -> list[str]:
        return list(self._sentences.values())
