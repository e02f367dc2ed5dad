"""deployd.toml on disk."""

from deployd.adapters.toml_file.toml_file import TomlFile

__all__ = ["TomlFile"]
