"""What is wrong in deployd.toml, told with the file, the place, the line itself and what would be right."""

from collections.abc import Iterable
from pathlib import Path

from deployd.domain.errors import UserMistake
from deployd.domain.setting import WrongSetting
from deployd.settings.excerpt import excerpt, without_credentials
from deployd.settings.places import Places, Span

_TOLD = 10


class ConfigMistakes(UserMistake):
    """`mistakes` are (place, sentence), in the order of the file; the first ten are told."""

    def __init__(self, file: Path, places: Places, mistakes: Iterable[tuple[Span, str]]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        told = [_told(file, places, span, sentence) for span, sentence in self.mistakes[:_TOLD]]
        more = len(self.mistakes) - _TOLD
        if more > 0:
            told.append(f"and {more} more {'mistake' if more == 1 else 'mistakes'}")
        super().__init__("\n".join(told))

    @classmethod
    def of_settings(cls, file: Path, places: Places, wrong: Iterable[WrongSetting]) -> "ConfigMistakes":
        return cls(file, places, [(places.of(each.key, named=each.named), str(each)) for each in wrong])


def _told(file: Path, places: Places, span: Span, sentence: str) -> str:
    where = f"{file}:{places.line(span.start)}:{places.column(span.start)}"
    return f"{where}: {without_credentials(sentence)}\n{excerpt(places, span)}"
