"""Makes dist/deployd, the single file: `make binary`. It needs this machine's architecture and at least its glibc."""

import gzip
import hashlib
import io
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

import uv

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
_DIGITS = 8
"""The offset is as long in the text before it is known."""


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "deployd"
    with tempfile.TemporaryDirectory(prefix="deployd-binary-") as work:
        folder = _collected(Path(work))
        packed = _packed(folder)
        size_mb = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // 1_000_000 + 1
    name = f"{version('deployd')}-{hashlib.sha256(packed).hexdigest()[:12]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.new")
    new.write_bytes(_starter(name, size_mb) + packed)
    new.chmod(0o755)
    new.replace(target)
    print(f"{target}: deployd {name}, {target.stat().st_size / 1e6:.1f} MB ({size_mb} MB unpacked)")


def _collected(work: Path) -> Path:
    """PyInstaller's folder, with uv where its package looks for it."""
    options = ["--noconfirm", "--log-level=WARN", f"--distpath={work / 'dist'}", f"--workpath={work / 'work'}"]
    subprocess.run([sys.executable, "-m", "PyInstaller", *options, str(HERE / "deployd.spec")], check=True)
    folder = work / "dist" / "deployd"
    (folder / "_internal" / "bin").mkdir()
    shutil.copy2(uv.find_uv_bin(), folder / "_internal" / "bin" / "uv")
    return folder


def _packed(folder: Path) -> bytes:
    """The same bytes for the same folder: nobody's names, no times."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, str(path.relative_to(folder)), recursive=False, filter=_nameless)
    return gzip.compress(plain.getvalue(), compresslevel=9, mtime=0)


def _nameless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _starter(name: str, size_mb: int) -> bytes:
    text = (HERE / "start.sh").read_text(encoding="utf-8")
    words = {"VERSION": version("deployd"), "ID": name, "MACHINE": platform.machine(), "MEGABYTES": str(size_mb)}
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    offset = len(text.replace("@OFFSET@", "0" * _DIGITS).encode()) + 1
    return text.replace("@OFFSET@", f"{offset:0{_DIGITS}d}").encode()


if __name__ == "__main__":
    main()
