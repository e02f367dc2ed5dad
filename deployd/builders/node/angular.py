"""Where Angular puts what it builds, as angular.json says."""

from deployd.builders.node.texts import loose_json, text, within
from deployd.builders.project import Project

_MODERN = ("@angular-devkit/build-angular:application", "@angular/build:application")


def browser_folder(project: Project) -> str | None:
    """The folder with the pages for the browser; None when no application can be made out."""
    if (folder := _output(project)) is None:
        return None
    base, browser = folder
    return f"{base}/{browser}" if browser else base


def server_folder(project: Project) -> str | None:
    """The folder that `server/server.mjs` is in, for an application that renders on the server."""
    options = within(_application(project)[1], "architect", "build", "options")
    renders = within(options, "outputMode") == "server" or (
        within(options, "ssr") not in (None, False) and within(options, "outputMode") is None
    )
    folder = _output(project)
    return folder[0] if renders and folder is not None else None


def _application(project: Project) -> tuple[str, object]:
    """The default application: the first, since there is no other word for it."""
    projects = within(loose_json(project.text("angular.json")), "projects")
    for name, about in (projects if isinstance(projects, dict) else {}).items():
        if within(about, "projectType") != "library" and within(about, "architect", "build"):
            return str(name), about
    return "", None


def _output(project: Project) -> tuple[str, str] | None:
    name, about = _application(project)
    if not name:
        return None
    build = within(about, "architect", "build")
    path = within(build, "options", "outputPath")
    inner = "browser" if within(build, "builder") in _MODERN else ""
    if isinstance(path, dict):
        said = within(path, "browser")
        return text(within(path, "base")).rstrip("/") or f"dist/{name}", said if isinstance(said, str) else inner
    return text(path).rstrip("/") or f"dist/{name}", inner
