"""Prints where this Python has its wheel of pip, which runs without being installed."""

import ensurepip
import sysconfig
from pathlib import Path

folder = sysconfig.get_config_var("WHEEL_PKG_DIR") or Path(ensurepip.__file__).parent / "_bundled"
print(max(Path(folder).glob("pip-*.whl")))
