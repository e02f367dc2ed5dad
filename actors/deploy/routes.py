"""An app's route before it is known what serves it."""

from deployd.domain.app import App
from deployd.domain.route import Route


def route_of(app: App, base_domain: str) -> Route:
    """Everything about the route that follows from the app itself; no targets and no site yet."""
    return Route(
        app=app.name,
        hosts=app.hosts(base_domain),
        edge=app.settings.proxy,
        maintenance=app.maintenance,
        health_path=app.settings.health_check.path,
    )
