"""serve and check: run the daemon, or only read its configuration."""

from deployd.cli.place import config_path
from deployd.cli.session import Session
from deployd.cli.verb import verb


@verb
def serve(session: Session) -> None:
    """Run the daemon until it is asked to stop."""
    from deployd.main import serve as run

    run(config_path(session.config))


@verb
def check(session: Session) -> None:
    """Read the configuration and say whether it is usable."""
    from deployd.config_file import load

    path = config_path(session.config)
    config = load(path)
    session.say({"config": str(path), "ok": True, "apps": sorted(config.apps)}, f"{path} is ok.")
