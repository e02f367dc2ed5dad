"""Picks, from the daemon's environment, the settings by which package tools reach their registries."""

import re
from collections.abc import Mapping

_PREFIXES = ("UV_", "PIP_", "NPM_CONFIG_")
_NAMES = {
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
}
_NOT_FOR_BUILDS = ("UV_PUBLISH_",)
_OURS = {
    "UV_CACHE_DIR",
    "UV_PYTHON",
    "UV_LINK_MODE",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "PIP_CACHE_DIR",
    "NPM_CONFIG_CACHE",
}
_LOOPBACK = re.compile(r"//(?:[^/@\s]*@)?(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?=[:/\s]|$)", re.I)


def registry_env(environ: Mapping[str, str]) -> dict[str, str]:
    """Where caches and interpreters lie is the builder's own business and not taken over."""
    return {key: value for key, value in environ.items() if _is_wanted(key.upper())}


def on_loopback(env: Mapping[str, str]) -> list[str]:
    """The settings that send a tool to this host's loopback."""
    return sorted(key for key, value in env.items() if key.upper() != "NO_PROXY" and _LOOPBACK.search(value))


def _is_wanted(name: str) -> bool:
    if name in _OURS or name.startswith(_NOT_FOR_BUILDS):
        return False
    return name in _NAMES or name.startswith(_PREFIXES)
