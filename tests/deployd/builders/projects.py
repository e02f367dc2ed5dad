"""Projects made of names and texts, and what detection says of them."""

import json
from collections.abc import Mapping
from typing import Any

from deployd.builders.detect import detect
from deployd.builders.project import Project
from deployd.domain.build import BuildPlan, BuildSettings, BuildWishes

Files = Mapping[str, str]


def project_of(files: Files) -> Project:
    return Project(files=frozenset(files), read=files.__getitem__)


def planned(
    files: Files, commands: Mapping[str, str] | None = None, env_names: frozenset[str] = frozenset(), **settings: Any
) -> BuildPlan:
    wishes = BuildWishes(settings=BuildSettings(**settings), commands=dict(commands or {}), env_names=env_names)
    return detect(project_of(files), wishes)


def package(**fields: object) -> str:
    return json.dumps(fields)
