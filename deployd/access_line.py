"""How a request stands in its app's log."""

from deployd.domain.ids import SYSTEM_APP
from deployd.domain.log_line import Level, NewLine, Source
from deployd.proxy.access import AccessRecord


def access_line(record: AccessRecord) -> NewLine:
    milliseconds = record.duration_seconds * 1000
    return NewLine(
        app=record.app or SYSTEM_APP,
        time_ms=record.time_ms,
        source=Source.PROXY,
        text=f"{record.client} {record.method} {record.host}{record.path} {record.status} "
        f"{record.sent_bytes} B {milliseconds:.1f} ms {record.request_id}"
        f"{f' (one of {record.stands_for})' if record.stands_for > 1 else ''}",
        level=Level.ERROR if record.status >= 500 else Level.INFO,
        release=record.release,
    )
