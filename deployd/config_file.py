"""Reads, checks and refuses deployd.toml. Only this file reads the environment."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from deployd.config import NOT_A_KEY, AppConfig, CertificateFiles, Config, TlsConfig
from deployd.domain.app import with_ascii_domains
from deployd.domain.env import EnvValue, looks_secret
from deployd.domain.errors import UserMistake
from deployd.domain.host_name import in_ascii
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.secret import Secret
from deployd.domain.setting import Key, WrongSetting
from deployd.settings.checks import wrong_values


class _Referred(Secret):
    """A value that stood outside the file: secret whatever its name."""

    __slots__ = ()


def load(path: Path) -> Config:
    """UserMistake names the file, the line, the key and what was expected; nothing is half-applied. It blocks."""
    return parse(text_of(path), path)


def environment() -> Mapping[str, str]:
    """The environment that deployd itself was started with."""
    return os.environ


def resolve_env(app: AppConfig) -> dict[str, EnvValue]:
    """What the file sets for the app: secret when it came from outside the file or its name says so."""
    return {
        key: EnvValue(value=value, secret=isinstance(value, _Referred) or looks_secret(key))
        for key, value in app.env.items()
    }


def text_of(path: Path) -> str:
    """The file's text, without the byte order mark that some editors put before it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserMistake(f"{path}: The config file cannot be read: {error.strerror}.") from error
    return decoded(content, path)


def decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()  # The content without its byte order mark.
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise UserMistake(f"{path}:{line}:{column}: The config file is not UTF-8 text: save it as UTF-8.") from error


def tables_of(text: str, path: Path) -> dict[str, Any]:
    """As tomllib reads them; ConfigMistakes says where it cannot."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # Also for a number that is too long, or lists in lists without end.
        # All take their time to load, and most starts need none.
        from deployd.settings.mistakes import ConfigMistakes
        from deployd.settings.places import Places
        from deployd.settings.syntax import mistakes_of_syntax

        places = Places(text)
        raise ConfigMistakes(path, places, mistakes_of_syntax(places, error)) from error


def parse(text: str, path: Path) -> Config:
    """What a file at `path` with that text would mean; ConfigMistakes has everything that is wrong in it."""
    folder = path.resolve().parent
    tables = tables_of(text, path)
    logins, unusable = _logins_apart(tables)
    config, wrong = _converted(tables, folder)
    config = _with_logins(_with_ascii_names(config), logins)
    wrong = [*unusable, *wrong, *wrong_values(config, {str(each.key[0]) for each in wrong if each.key})]
    if wrong:
        from deployd.settings.mistakes import ConfigMistakes
        from deployd.settings.places import Places

        raise ConfigMistakes.of_settings(path, Places(text), wrong)
    server = msgspec.structs.replace(config.server, data_dir=str(folder / config.server.data_dir))
    return msgspec.structs.replace(config, server=server, tls=_tls_from(config.tls, folder))


def _logins_apart(tables: dict[str, Any]) -> tuple[dict[str, Secret], list[WrongSetting]]:
    """Leaves no login in the tables, of which a mistake may be quoted, and no app whose repository cannot be read."""
    logins: dict[str, Secret] = {}
    wrong: list[WrongSetting] = []
    apps = tables.get("apps")
    if not isinstance(apps, dict):
        return logins, wrong
    for name, table in list(apps.items()):
        if not isinstance(table, dict):
            continue
        if NOT_A_KEY in table:
            sentence = f"[apps.{name}] has no key `{NOT_A_KEY}`: write https://user:password@host/path as `repo`."
            wrong.append(WrongSetting(("apps", name, NOT_A_KEY), sentence, named=True))
            del table[NOT_A_KEY]
        if not isinstance(table.get("repo"), str):
            continue
        try:
            address = RepositoryAddress.parse(table["repo"])
        except UserMistake as mistake:
            wrong.append(WrongSetting(("apps", name, "repo"), f"App {name!r}: `repo`: {mistake}"))
            del apps[name]
            continue
        table["repo"] = address.url
        if address.login is not None:
            logins[name] = address.login
    return logins, wrong


def _with_logins(config: Config, logins: Mapping[str, Secret]) -> Config:
    apps = {name: msgspec.structs.replace(app, login=logins.get(name)) for name, app in config.apps.items()}
    return msgspec.structs.replace(config, apps=apps)


def _converted(tables: dict[str, Any], folder: Path) -> tuple[Config, list[WrongSetting]]:
    """Tables with a mistake in them are left out of the Config, so that what else is wrong is found as well."""

    def hook(expected: type, given: object) -> object:
        if expected is Secret:
            return _resolve(given, folder)
        raise NotImplementedError(expected)

    try:
        return msgspec.convert(tables, Config, dec_hook=hook), []
    except msgspec.ValidationError as error:
        from deployd.settings.schema import config_kind
        from deployd.settings.shape import wrong_shapes

        wrong = list(wrong_shapes(tables, config_kind(), (), lambda given: _resolve(given, folder)))
        if not wrong:
            raise UserMistake(f"deployd.toml is not usable: {error}.") from error
        for each in wrong:
            _leave_out(tables, each.key)
        return msgspec.convert(tables, Config, dec_hook=hook), wrong


def _leave_out(tables: dict[str, Any], key: Key) -> None:
    """The app, or else the table at the top, that the key is in."""
    match key:
        case ("apps", str(name), *_) if isinstance(tables.get("apps"), dict):
            tables["apps"].pop(name, None)
        case (str(name), *_):
            tables.pop(name, None)


def _with_ascii_names(config: Config) -> Config:
    server = msgspec.structs.replace(
        config.server,
        base_domain=in_ascii(config.server.base_domain),
        control_host=in_ascii(config.server.control_host),
    )
    apps = {name: with_ascii_domains(app) for name, app in config.apps.items()}
    return msgspec.structs.replace(config, server=server, apps=apps)


def _resolve(given: object, folder: Path) -> Secret:
    """`env:NAME` and `file:PATH` (from the folder of the file) stand for what they name; anything else for itself."""
    if not isinstance(given, str):
        raise ValueError(f"Expected text in quotes, got `{type(given).__name__}`")
    kind, _, name = given.partition(":")
    if kind == "env":
        return _from_environment(name, os.environ)
    if kind == "file":
        return _from_file(_placed(folder, name))
    return Secret(given)


def _from_environment(name: str, environment: Mapping[str, str]) -> Secret:
    if name not in environment:
        raise ValueError(f"The environment variable {name!r} is not set")
    return _Referred(environment[name])


def _from_file(path: Path) -> Secret:
    try:
        return _Referred(path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r"))
    except OSError as error:
        raise ValueError(f"The file {path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {path} is not UTF-8 text") from error


def _tls_from(tls: TlsConfig, folder: Path) -> TlsConfig:
    """Paths count from the folder of the file."""
    own = tls.certificates
    files = tuple(CertificateFiles(cert=_path(folder, one.cert), key=_path(folder, one.key)) for one in own)
    return msgspec.structs.replace(tls, certificates=files, ca_file=tls.ca_file and _path(folder, tls.ca_file))


def _path(folder: Path, text: str) -> str:
    return str(_placed(folder, text))


def _placed(folder: Path, text: str) -> Path:
    return folder / os.path.expanduser(text)  # pathlib's raises for `~NAME` of nobody
