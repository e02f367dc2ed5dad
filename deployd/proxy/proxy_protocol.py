"""The PROXY protocol, versions 1 and 2: who a connection is from, said before its first byte. Sans-I/O.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

import ipaddress
import re
import struct

import msgspec

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LONGEST = 16 + 2_048
"""A version 2 header with the longest tail that is put up with."""

_V1_START = b"PROXY "
_V1_LONGEST = 107
_V1 = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP[46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) ([0-9]{1,5}) ([0-9]{1,5}))\r\n"
)
_V2_FIXED = 16
_PROXIED = 0x21
_LOCAL = 0x20
_ADDRESS_BYTES = {1: 4, 2: 16}  # AF_INET, AF_INET6
_PORT_BYTES = 4


class Malformed(Exception):
    """What came is not the header that was due."""


class Preamble(msgspec.Struct, frozen=True):
    """`ip` is the client's; None when the sender speaks for itself. `length` bytes of the stream belong to it."""

    ip: str | None
    length: int


def read_preamble(data: bytes) -> Preamble | None:
    """From the first bytes of a connection; None when there are too few of them. Malformed as soon as that is sure."""
    if data[: len(SIGNATURE)] == SIGNATURE[: len(data)]:
        return _version_2(data) if len(data) >= _V2_FIXED else None
    if data[: len(_V1_START)] == _V1_START[: len(data)]:
        return _version_1(data)
    raise Malformed("The connection does not start with a PROXY header.")


def looks_like_preamble(data: bytes) -> bool:
    """Whether so few bytes may become a header; no HTTP request and no TLS handshake starts like one."""
    return any(data[: len(start)] == start[: len(data)] for start in (SIGNATURE, _V1_START))


def _version_1(data: bytes) -> Preamble | None:
    end = data.find(b"\r\n", 0, _V1_LONGEST) + 2
    if end < 2:
        if len(data) >= _V1_LONGEST:
            raise Malformed("The PROXY line is longer than 107 bytes.")
        return None
    match = _V1.fullmatch(data[:end])
    if match is None:
        raise Malformed("The PROXY line is not of the form that version 1 has.")
    if match[1] is None:
        return Preamble(None, end)
    version = int(match[1][3:])
    addresses = [_parsed(text.decode(), version) for text in match.group(2, 3)]
    if any(int(port) > 65_535 for port in match.group(4, 5)):
        raise Malformed("The PROXY line names a port that does not exist.")
    return Preamble(addresses[0], end)


def _parsed(text: str, version: int) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Malformed("The PROXY line names something that is no address.") from None
    if address.version != version:
        raise Malformed("The PROXY line names an address of another family than it says.")
    return str(address)


def _version_2(data: bytes) -> Preamble | None:
    command, kind, rest = struct.unpack_from("!BBH", data, len(SIGNATURE))
    if command not in (_PROXIED, _LOCAL):
        raise Malformed("The PROXY header is of an unknown version or command.")
    length = _V2_FIXED + rest
    if length > LONGEST:
        raise Malformed("The PROXY header is too long.")
    size = _ADDRESS_BYTES.get(kind >> 4)
    if command == _PROXIED and size is not None and rest < 2 * size + _PORT_BYTES:
        raise Malformed("The PROXY header is too short for its addresses.")
    if len(data) < length:
        return None
    if command == _LOCAL or size is None:
        return Preamble(None, length)
    return Preamble(str(ipaddress.ip_address(data[_V2_FIXED : _V2_FIXED + size])), length)
