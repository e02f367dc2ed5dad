"""Says it everywhere when a certificate that is served comes close to its end, and again when it has ended."""

from collections.abc import Mapping
from datetime import UTC, datetime

from actors.certificates.tools import CertificateTools
from deployd.domain.certificate import Certificate, expires_soon
from deployd.domain.event import EventType
from deployd.domain.ids import AppName
from deployd.domain.log_line import Level


class ExpiryWatch:
    def __init__(self, tools: CertificateTools) -> None:
        self._tools = tools
        self._said: dict[str, bool] = {}
        """Of which names it was said, and whether they had expired then."""

    async def look(self, served: Mapping[str, tuple[AppName, Certificate, str | None]]) -> None:
        """For each name: whose it is, what is served, and why there is nothing newer yet."""
        now = self._tools.clock.now_ms()
        soon = {name for name, (_, certificate, _) in served.items() if expires_soon(certificate, now)}
        for name in self._said.keys() - soon:
            self._tools.warnings.clear(_expiry(name))
        for name in sorted(soon):
            app, certificate, reason = served[name]
            text = _sentence(name, certificate, now, reason)
            self._tools.warnings.say(_expiry(name), text)
            if self._said.get(name) is not _expired(certificate, now):
                self._tools.journal.say(app, None, text, Level.ERROR)
                await self._tools.journal.note(
                    EventType.CERTIFICATE_EXPIRING,
                    app,
                    name,
                    {"not_after_ms": certificate.not_after_ms, "reason": reason},
                )
        self._said = {name: _expired(served[name][1], now) for name in soon}


def _expiry(name: str) -> str:
    return f"certificate expiry {name}"


def _expired(certificate: Certificate, now_ms: int) -> bool:
    return certificate.not_after_ms <= now_ms


def _sentence(name: str, certificate: Certificate, now_ms: int, reason: str | None) -> str:
    day = datetime.fromtimestamp(certificate.not_after_ms / 1000, UTC).date()
    verb = "expired" if _expired(certificate, now_ms) else "expires"
    return f"The certificate for {name} {verb} on {day}: {reason or 'there is no newer one yet.'}"
