"""What the web edges log: our own mistakes. What others send wrong is answered, or a stranger could fill the log."""

import logging

from aiohttp import web
from aiohttp.http import HttpProcessingError

OWN_LOG = logging.getLogger("deployd.web")

_OF_OTHERS = (HttpProcessingError, web.RequestPayloadError)


def _is_ours(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], _OF_OTHERS)


OWN_LOG.addFilter(_is_ours)
