"""What a file's name says about its content, and about how long a browser may keep it. Sans-I/O."""

import mimetypes
import re

_TYPES = mimetypes.MimeTypes()
"""What Python knows, which is more with every version, and what browsers insist on: we tell them not to guess."""
for _type, _suffixes in (
    ("text/javascript", ".js .mjs .cjs"),
    ("text/markdown", ".md"),
    ("text/calendar", ".ics"),
    ("application/wasm", ".wasm"),
    ("application/json", ".map"),
    ("application/manifest+json", ".webmanifest"),
    ("application/ld+json", ".jsonld"),
    ("application/geo+json", ".geojson"),
    ("application/yaml", ".yaml .yml"),
    ("application/rss+xml", ".rss"),
    ("application/atom+xml", ".atom"),
    ("application/xhtml+xml", ".xhtml"),
    ("application/dash+xml", ".mpd"),
    ("application/epub+zip", ".epub"),
    ("application/vnd.android.package-archive", ".apk"),
    ("application/vnd.ms-fontobject", ".eot"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", ".pptx"),
    ("audio/flac", ".flac"),
    ("audio/mp4", ".m4a"),
    ("audio/ogg", ".ogg .oga"),
    ("audio/wav", ".wav"),
    ("audio/webm", ".weba"),
    ("font/otf", ".otf"),
    ("font/ttf", ".ttf"),
    ("font/woff", ".woff"),
    ("font/woff2", ".woff2"),
    ("image/apng", ".apng"),
    ("image/avif", ".avif"),
    ("image/jxl", ".jxl"),
    ("image/svg+xml", ".svg"),
    ("image/webp", ".webp"),
    ("model/gltf+json", ".gltf"),
    ("model/gltf-binary", ".glb"),
    ("model/vnd.usdz+zip", ".usdz"),
    ("video/mp2t", ".ts"),
    ("video/mp4", ".m4v"),
    ("video/ogg", ".ogv"),
):
    for _suffix in _suffixes.split():
        _TYPES.add_type(_type, _suffix)
_TEXT = re.compile(r"text/|application/(?:json|javascript|xml|manifest\+json)|image/svg")
_PACKED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_OTHER = "application/octet-stream"
_ARCHIVES = {".zst": "application/zstd", ".br": _OTHER}

_FOREVER = b"Cache-Control: public, max-age=31536000, immutable\r\n"
_ASK_AGAIN = b"Cache-Control: no-cache\r\n"
_HASHED_FOLDERS = ("/_next/static/", "/_app/immutable/", "/_nuxt/", "/_astro/")
"""Where frameworks put only what they name by content."""

_HEXADECIMAL = re.compile(r"[.\-_~](?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,64}\.[0-9a-z.]+$")
_BASE32 = re.compile(r"[.-](?=[2-7A-Z]*[2-7])(?=[2-7A-Z]*[A-Z])[2-7A-Z]{8}\.[0-9a-z.]+$")
_BASE64 = re.compile(r"[.-]([0-9A-Za-z_-]{8})\.[0-9a-z.]+$")
_WORDS = re.compile(r"[a-z_-]+|[A-Z_-]+|(?:[A-Z]?[a-z]+)+|[0-9_-]+|[A-Za-z]+[_-]?[0-9]+|[0-9]+[_-]?[A-Za-z]+")
"""What people write: words, SemiBold, a date, IMG_1234."""


def content_type(name: str) -> bytes:
    kind, packed = _TYPES.guess_type(name)
    if packed is not None:
        kind = _PACKED.get(packed, _OTHER)
    elif kind is None:
        kind = next((kind for end, kind in _ARCHIVES.items() if name.endswith(end)), _OTHER)
    return (f"{kind}; charset=utf-8" if _TEXT.match(kind) else kind).encode()


def caching(path: str) -> bytes:
    """The Cache-Control line of a file, by its path below the site's root, with a slash before it.

    What is named by its content is kept for good; everything else may be kept but is asked for again, so that nobody
    sees a mix of two releases. `assets/` alone says nothing: many sites keep style.css there.
    """
    if path.endswith((".html", ".htm")):
        return _ASK_AGAIN
    hashed = any(folder in path for folder in _HASHED_FOLDERS) or _HEXADECIMAL.search(path) or _BASE32.search(path)
    return _FOREVER if hashed or ("/assets/" in path and _is_hashed_asset(path)) else _ASK_AGAIN


def _is_hashed_asset(path: str) -> bool:
    match = _BASE64.search(path)
    return match is not None and not _WORDS.fullmatch(match[1])
