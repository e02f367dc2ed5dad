"""What a Gemfile says of where its gems come from."""

import re

_SOURCE = re.compile(
    r"^[ \t]*source[ (]\s*['\"]|\b(?:git|github|gist|bitbucket|gitlab)(?::\s|\s*=>)|^[ \t]*git[ (]", re.M
)
HOST_GEMS = "The Gemfile names no source, so the gems are this host's own."


def uses_host_gems(gemfile: str) -> bool:
    return _SOURCE.search(gemfile) is None


def place_of_gems(gemfile: str) -> dict[str, str]:
    """Bundler looks nowhere else once it has a place of its own: without a source, only the host can have the gems."""
    return {} if uses_host_gems(gemfile) else {"BUNDLE_PATH": "vendor/bundle"}


def install_gems(gemfile: str) -> str:
    """Of the host's own none can be installed: they are there, or the step says which are missing."""
    return "bundle check" if uses_host_gems(gemfile) else "bundle install --jobs 4 --retry 2"
