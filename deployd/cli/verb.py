"""Makes a function a verb of the command line: the options all verbs share, and failures as sentence and exit code."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from deployd.cli.failure import Failure
from deployd.cli.screen import say_to_stderr
from deployd.cli.session import Session
from deployd.domain.errors import DeploydError

Arguments = ParamSpec("Arguments")

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="deployd.toml of the daemon.")]
DataDirOption = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the daemon.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]

_SHARED = {"config": (ConfigOption, None), "data_dir": (DataDirOption, None), "json": (JsonOption, False)}


def verb(function: Callable[Concatenate[Session, Arguments], None]) -> Callable[..., None]:
    """`function` takes the Session first; what follows becomes its own arguments and options."""

    @wraps(function)
    def run(*, config: Path | None, data_dir: Path | None, json: bool, **arguments: Any) -> None:
        try:
            function(Session(config=config, data_dir=data_dir, as_json=json), **arguments)  # type: ignore[call-arg]
        except Failure as failure:
            _end(str(failure), failure.code)
        except DeploydError as error:
            _end(str(error), Failure.code)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _SHARED.items()
    ]
    keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    run.__signature__ = inspect.Signature([*keywords, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*keywords, *shared)}
    return run


def _end(sentence: str, code: int) -> None:
    say_to_stderr(sentence)
    raise typer.Exit(code)
