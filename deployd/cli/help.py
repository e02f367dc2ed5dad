"""help: topics that concern several verbs, and each verb's own help."""

from typing import Annotated

import typer

from deployd.cli.failure import Failure
from deployd.cli.session import Session
from deployd.cli.topics import SUMMARIES, TOPICS
from deployd.cli.verb import verb
from deployd.domain.suggestion import did_you_mean


@verb
def help(
    session: Session,
    topic: Annotated[
        str | None, typer.Argument(metavar="[TOPIC]", help="A topic or a verb.", show_default=False)
    ] = None,
) -> None:
    """Explain a topic, such as `deployd help states`, or a verb."""
    verbs = _verbs()
    if topic is None:
        session.say(SUMMARIES, _overview())
    elif topic in TOPICS:
        more = f"\n\nAll options: deployd {topic} --help" if topic in verbs else ""
        session.say({"topic": topic, "text": TOPICS[topic]()}, TOPICS[topic]() + more)
    elif topic in verbs:
        _verb_help(topic)
    else:
        meant = did_you_mean(topic, [*TOPICS, *verbs])
        raise Failure(f"There is no topic {topic!r}.{meant}\n{_overview()}")


def _overview() -> str:
    width = max(map(len, SUMMARIES))
    topics = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in SUMMARIES.items())
    return f"Topics, each with: deployd help TOPIC\n{topics}\nVerbs: deployd --help"


def _verbs() -> list[str]:
    from deployd.cli.main import root

    return list(root().commands)


def _verb_help(name: str) -> None:
    from deployd.cli.main import root

    root().main([name, "--help"], prog_name="deployd", standalone_mode=False)
