"""Every endpoint of the API: the one list that routing, access and the OpenAPI document are made from."""

from web.api import apps, deployments, env, logs, status, tokens
from web.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *apps.ENDPOINTS,
    *deployments.ENDPOINTS,
    *env.ENDPOINTS,
    *logs.ENDPOINTS,
    *tokens.ENDPOINTS,
    *status.ENDPOINTS,
)
