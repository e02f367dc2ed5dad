"""Finds every regular expression of a package, and for each the texts that are hardest on it."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

_ALL = ("search", "fullmatch", "match", "sub", "findall", "split")
_UNBOUNDED = 20
"""A repetition of at most so many times is no repetition to speak of."""

_PLAIN = (
    " ",
    "\t",
    "\n",
    "\r\n",
    "a",
    "0",
    "a.",
    "-",
    "=",
    "a=",
    "/",
    "\\",
    '"',
    "'",
    "[",
    "{",
    "(",
    "#",
    "a ",
    "\na",
    "/*a",
    ", ",
)


@dataclass(frozen=True)
class Found:
    """`methods` are the ones by which the expression is used."""

    where: str
    pattern: re.Pattern[str]
    methods: tuple[str, ...]


class _Word(str):
    """Stands for what is known only when the code runs: a name, and everything that hangs on it."""

    def __getattr__(self, name: str) -> "_Word":
        return _Word("word")

    def __call__(self, *arguments: object) -> "_Word":
        return _Word("word")


class _Names(dict[str, Any]):
    def __missing__(self, name: str) -> object:
        return _Word("word")


def expressions(package: str) -> list[Found]:
    modules = [importlib.import_module(package)]
    modules += [importlib.import_module(one.name) for one in pkgutil.walk_packages(modules[0].__path__, f"{package}.")]
    sources = {module.__name__: Path(module.__file__ or "").read_text() for module in modules}
    found = [one for module in modules for one in (*_held(module, sources), *_written(module, sources))]
    return list({(one.pattern.pattern, one.pattern.flags, one.methods): one for one in found}.values())


def _held(module: ModuleType, sources: Mapping[str, str]) -> Iterator[Found]:
    """Those that the module's names hold, however deep."""
    for name, value in vars(module).items():
        patterns = list(_inside(value, 4))
        if not patterns:
            continue
        texts = [sources[module.__name__]] if name.startswith("_") else list(sources.values())
        used = {method for text in texts for method in re.findall(rf"\b{name}\.(\w+)\(", text)}
        methods = tuple(sorted(used & {*_ALL, "finditer"}))
        for pattern in patterns:
            yield Found(f"{module.__name__}.{name}", pattern, tuple(_plain(methods)) or _ALL)


def _inside(value: object, depth: int) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, dict) and depth:
        for one in value.values():
            yield from _inside(one, depth - 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth:
        for one in value:
            yield from _inside(one, depth - 1)
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type) and depth:
        for field in value.__dataclass_fields__:
            yield from _inside(getattr(value, field), depth - 1)


def _written(module: ModuleType, sources: Mapping[str, str]) -> Iterator[Found]:
    """Those that are written where they are used, with a word in place of what is known only then."""
    for node in ast.walk(ast.parse(sources[module.__name__])):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args:
            method = ast.unparse(node.func).removeprefix("re.")
            if method == "escape":
                continue
            names = _Names(vars(module))
            text = eval(compile(ast.Expression(node.args[0]), "pattern", "eval"), {"__builtins__": {}}, names)
            if isinstance(text, str) and text != "word":
                flags = re.M if "re.M" in ast.unparse(node) else 0
                methods = _ALL if method == "compile" else (method,)
                if method != "compile":
                    yield Found(f"{module.__name__}:{node.lineno}", re.compile(text, flags), tuple(_plain(methods)))


def _plain(methods: tuple[str, ...]) -> Iterator[str]:
    for method in methods:
        yield "findall" if method == "finditer" else method


@dataclass(frozen=True)
class Hostile:
    """A piece that is repeated, between a beginning and an end that keep the whole from matching early."""

    before: str
    piece: str
    after: str

    def text(self, length: int) -> str:
        return self.before + self.piece * (length // len(self.piece)) + self.after


def hostile_texts(pattern: re.Pattern[str]) -> set[Hostile]:
    """Each repetition of the expression, pumped up; what comes close to it again and again; and plain repetitions."""
    tree = list(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
    pumped = [
        Hostile(before, piece, after)
        for before, body in _repetitions(tree, "")
        for piece in _variants(body)
        for after in ("", "\0")
    ]
    whole = _sample(tree, 1)
    again = [Hostile("", piece, "\0") for piece in (whole, whole[:-1], whole[: len(whole) // 2], *_PLAIN)]
    return {one for one in (*pumped, *again) if one.piece}


def _repetitions(nodes: list[Any], before: str) -> Iterator[tuple[str, list[Any]]]:
    for index, (kind, value) in enumerate(nodes):
        here = before + _sample(nodes[:index], 1)
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            _, most, body = value
            if most > _UNBOUNDED:
                yield here, list(body)
            yield from _repetitions(list(body), here)
        elif kind is op.SUBPATTERN:
            yield from _repetitions(list(value[3]), here)
        elif kind is op.ATOMIC_GROUP:
            yield from _repetitions(list(value), here)
        elif kind is op.BRANCH:
            for branch in value[1]:
                yield from _repetitions(list(branch), here)
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            yield from _repetitions(list(value[1]), here)


def _variants(body: list[Any]) -> list[str]:
    """Up to three texts that the body of a repetition takes."""
    if len(body) == 1 and body[0][0] is op.IN:
        chars = [_char([item]) for item in body[0][1] if item[0] is not op.NEGATE]
        return list(dict.fromkeys([_char(body[0][1]), *chars]))[:3]
    return list(dict.fromkeys([_sample(body, 1), _sample(body, 0)]))


def _sample(nodes: list[Any], times: int) -> str:
    return "".join(_one(kind, value, times) for kind, value in nodes)


def _one(kind: Any, value: Any, times: int) -> str:
    match kind:
        case op.LITERAL:
            return chr(value)
        case op.NOT_LITERAL:
            return "a" if value != ord("a") else "b"
        case op.ANY:
            return "a"
        case op.IN:
            return _char(value)
        case op.BRANCH:
            return _sample(list(value[1][0]), times)
        case op.SUBPATTERN:
            return _sample(list(value[3]), times)
        case op.ATOMIC_GROUP:
            return _sample(list(value), times)
        case op.MAX_REPEAT | op.MIN_REPEAT | op.POSSESSIVE_REPEAT:
            return str(_sample(list(value[2]), times) * max(value[0], min(times, value[1])))
        case _:
            return ""


def _char(items: list[Any]) -> str:
    if items[0][0] is op.NEGATE:
        taken = "".join(_char([item]) for item in items[1:])
        return next((char for char in "ab0 -" if char not in taken), "~")
    kind, value = items[0]
    if kind is op.LITERAL:
        return chr(value)
    if kind is op.RANGE:
        return chr(value[0])
    classes: dict[Any, str] = {op.CATEGORY_DIGIT: "0", op.CATEGORY_SPACE: " ", op.CATEGORY_NOT_WORD: "-"}
    return classes.get(value, "a")
