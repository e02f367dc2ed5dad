"""Every endpoint of the API: the one list that routing, access and the OpenAPI document are made from."""

from web.api import apps, canary, deployments, env, export, logs, pause, status, tokens, toolchains
from web.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *apps.ENDPOINTS,
    *canary.ENDPOINTS,
    *pause.ENDPOINTS,
    *deployments.ENDPOINTS,
    *env.ENDPOINTS,
    *export.ENDPOINTS,
    *logs.ENDPOINTS,
    *tokens.ENDPOINTS,
    *toolchains.ENDPOINTS,
    *status.ENDPOINTS,
)
