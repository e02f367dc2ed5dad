"""Projects that only say how to make a container: recognised, so that the refusal can say what is missing."""

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.domain.build import BuildPlan
from deployd.domain.errors import BuildFailed

_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_FILES = ("Dockerfile", "Containerfile", *_COMPOSE)


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    found = project.first(*_FILES)
    if found is None:
        return None
    raise BuildFailed(
        f"This project is built as its {found} says, and that needs the docker runtime, which this deployd does not "
        "have: add a Procfile, or say `build.start`, to run it on the host itself."
    )


RECIPE = Recipe(
    name="docker",
    title="Containers",
    detect=detect,
    rows=(
        Recognised(
            what="`Dockerfile`, `Containerfile`, `compose.yaml`, `docker-compose.yml`, when nothing else fits",
            how="Refused: it needs the docker runtime.",
        ),
    ),
    marks=_FILES,
)
