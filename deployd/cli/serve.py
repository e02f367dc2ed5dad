"""serve and check: run the daemon, or only read its configuration."""

from typing import Annotated

import typer

from deployd.cli.place import config_path
from deployd.cli.session import Session
from deployd.cli.verb import verb


@verb
def serve(session: Session) -> None:
    """Run the daemon until it is asked to stop."""
    from deployd.main import serve as run

    run(config_path(session.config))


@verb
def check(
    session: Session,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="With --explain: such as server.http.", show_default=False)
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what KEY means; without KEY, list the tables.")
    ] = False,
) -> None:
    """Read the configuration and say whether it is usable, or explain a key of it."""
    if explain:
        from deployd.cli.explain import show

        show(session, key)
        return
    if key is not None:
        raise typer.BadParameter(f"To have {key} explained, add --explain.")
    from deployd.config_file import load

    path = config_path(session.config)
    config = load(path)
    session.say({"config": str(path), "ok": True, "apps": sorted(config.apps)}, f"{path} is ok.")
