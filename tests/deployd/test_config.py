"""deployd.toml: what is read, and how each mistake is named."""

from pathlib import Path
from typing import Any

import pytest

from deployd.config import CertificateFiles, Config
from deployd.config_file import load, resolve_env
from deployd.domain.app import AppSettings, HealthCheck, Limits
from deployd.domain.errors import UserMistake
from deployd.domain.route import Address
from deployd.domain.secret import Secret


def written(folder: Path, text: str) -> Path:
    file = folder / "deployd.toml"
    file.write_text(text)
    return file


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    config = load(written(tmp_path, ""))
    assert config.server.http_address == Address(host="0.0.0.0", port=8080)
    assert config.server.admin_address == Address(host="127.0.0.1", port=9001)
    assert config.server.control_name == "deployd.localhost"
    assert config.telegram.token == Secret("")
    assert config.apps == {}


def test_the_data_folder_counts_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    written(tmp_path / "etc", '[server]\ndata_dir = "state"')
    monkeypatch.chdir(tmp_path)
    assert load(Path("etc/deployd.toml")).paths.database == tmp_path / "etc" / "state" / "deployd.db"
    written(tmp_path / "etc", '[server]\ndata_dir = "/var/lib/deployd"')
    assert load(Path("etc/deployd.toml")).paths.socket == Path("/var/lib/deployd/deployd.sock")


@pytest.mark.parametrize("number", ["inf", "nan", "1e308", "1_000_000_001", "9223372036854775808"])
@pytest.mark.parametrize(
    "key",
    [
        "deploy.build_cpus",
        "apps.shop.proxy.body_limit_mb",
        "apps.shop.proxy.hsts_seconds",
        "apps.shop.proxy.tunnel_idle_seconds",
        "apps.shop.limits.memory_mb",
        "apps.shop.limits.cpus",
        "apps.shop.limits.open_files",
        "logs.keep_days",
    ],
)
def test_a_number_that_nothing_can_be_computed_from_is_refused(tmp_path: Path, key: str, number: str) -> None:
    text = f'{key} = {number}\napps.shop.upstream = "127.0.0.1:9000"'
    with pytest.raises(UserMistake, match=f"{key.rpartition('.')[2]}`"):
        load(written(tmp_path, text))


def test_every_setting_of_an_app_arrives(tmp_path: Path) -> None:
    text = """
        [apps.shop]
        repo = "https://git.example.com/shop.git"
        branch = "main"
        domains = ["shop.example.com"]
        processes = { web = 2, worker = 0 }
        commands = { web = "node ." }
        env = { A = "1" }
        health = { path = "/healthz", gate_seconds = 5 }
        limits = { memory_mb = 256 }
        [apps.old]
        upstream = ["127.0.0.1:9000", "[::1]:9001"]
        health = "/up"
    """
    apps = load(written(tmp_path, text)).apps
    assert apps["shop"].settings() == AppSettings(
        repo="https://git.example.com/shop.git",
        branch="main",
        domains=("shop.example.com",),
        processes={"web": 2, "worker": 0},
        commands={"web": "node ."},
        health=HealthCheck(path="/healthz", gate_seconds=5),
        limits=Limits(memory_mb=256),
    )
    assert apps["old"].settings() == AppSettings(upstream=("127.0.0.1:9000", "[::1]:9001"), health="/up")


def test_values_from_outside_the_file_are_secret_and_so_are_those_with_telling_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_GREETING", "from the environment")
    (tmp_path / "note").write_text("from a file\n")
    text = """
        [apps.shop]
        upstream = "127.0.0.1:9000"
        [apps.shop.env]
        PLAIN = "https://example.com"
        API_TOKEN = "literal"
        GREETING = "env:SHOP_GREETING"
        NOTE = "file:note"
    """
    env = resolve_env(load(written(tmp_path, text)).apps["shop"])
    assert {key: (entry.value.reveal(), entry.secret) for key, entry in env.items()} == {
        "PLAIN": ("https://example.com", False),
        "API_TOKEN": ("literal", True),
        "GREETING": ("from the environment", True),
        "NOTE": ("from a file", True),
    }


def test_a_loaded_config_shows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT", "123:hunter2")
    text = '[telegram]\ntoken = "env:BOT"\n[apps.a]\nupstream = "a:1"\nenv = { PASSWORD = "hunter2" }'
    config = load(written(tmp_path, text))
    assert config.telegram.token.reveal() == "123:hunter2"
    assert "hunter2" not in repr(config)


def test_configs_are_equal_until_a_value_changes_even_one_outside_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, '[apps.a]\nupstream = "a:1"\nenv = { NOTE = "file:note" }')
    (tmp_path / "note").write_text("one")
    first = load(file)
    assert load(file) == first
    (tmp_path / "note").write_text("two")
    assert load(file).apps["a"] != first.apps["a"]


def test_certificates_come_from_files_beside_the_config_and_from_lets_encrypt(tmp_path: Path) -> None:
    file = tmp_path / "deployd.toml"
    file.write_text(
        '[server]\nhttps = "0.0.0.0:443"\n[tls]\nstaging = true\n'
        '[[tls.certificates]]\ncert = "certs/a.pem"\nkey = "/etc/a.key"\n'
    )
    config = load(file)
    assert config.server.https_address == Address(host="0.0.0.0", port=443)
    assert config.tls.certificates == (CertificateFiles(cert=f"{tmp_path}/certs/a.pem", key="/etc/a.key"),)
    assert config.tls.acme_directory == "https://acme-staging-v02.api.letsencrypt.org/directory"
    assert Config().tls.acme_directory == "https://acme-v02.api.letsencrypt.org/directory"
    assert Config().server.https_address is None


APP = '[apps.shop]\nupstream = "a:1"\n'
MISTAKES: list[Any] = [
    pytest.param("[server\n", r"Not valid TOML: .*\(at line 1, column 8\)", id="syntax"),
    pytest.param("[server]\nhttp = 80", r"Expected `str`, got `int` - at `\$\.server\.http`", id="type"),
    pytest.param('[server]\nhtpp = ":80"', r"unknown field `htpp` - at `\$\.server`", id="unknown key"),
    pytest.param("[sever]", r"unknown field `sever` - at `\$`", id="unknown table"),
    pytest.param('[server]\nhttp = "8080"', r"`server\.http` '8080' is not of the form host:port", id="no host"),
    pytest.param('[server]\nadmin = "::1:80"', r"`server\.admin` '::1:80' is not of the form", id="bare IPv6"),
    pytest.param('[server]\nadmin = "a:99999"', r"`server\.admin` 'a:99999' is not of the form", id="port"),
    pytest.param('[server]\nhttps = "443"', r"`server\.https` '443' is not of the form host:port", id="https"),
    pytest.param("[tls]\nacme = true", r"`tls` needs a listener .* set `server\.https`", id="acme without https"),
    pytest.param('[[tls.certificates]]\ncert = "a"\nkey = "b"', r"`tls` needs a listener", id="files without https"),
    pytest.param('[[tls.certificates]]\ncert = "a"', r"missing required field `key`", id="certificate without key"),
    pytest.param("[server]\nhttp2 = true", r"`server\.http2` is for the https listener", id="http2"),
    pytest.param('[tls]\ndirectory = "http://a"', r"`tls\.directory` 'http://a' must start with", id="directory"),
    pytest.param('[tls]\ndirectory = "https://a"\nstaging = true', r"`tls\.staging` is Let's Encrypt's", id="staging"),
    pytest.param('[tls]\nemail = "me"', r"`tls\.email` 'me' is not an address", id="email"),
    pytest.param('[server]\nbase_domain = "A b"', r"`server\.base_domain` 'A b' is not a host name", id="domain"),
    pytest.param(
        '[server]\ntrusted_proxies = ["10.0.0.0/33"]',
        r"`server\.trusted_proxies` '10.0.0.0/33' is not an address or network",
        id="trusted",
    ),
    pytest.param(
        "[server]\nproxy_protocol = true", r"`server\.proxy_protocol` .* name the proxies", id="PROXY from whom"
    ),
    pytest.param(
        '[apps.a]\nupstream = "a:1"\ndomains = ["deployd.localhost/x"]',
        r"cannot be served at 'deployd\.localhost/x': that host belongs to deployd itself",
        id="a path of the control host",
    ),
    pytest.param("[server]\nshutdown_seconds = -1", r"at `\$\.server\.shutdown_seconds`", id="negative"),
    pytest.param("[deploy]\nbuilds_at_once = 0", r"`int` >= 1 - at `\$\.deploy\.builds_at_once`", id="zero"),
    pytest.param('[telegram]\nallow = ["me"]', r"Expected `int`, got `str` - at `\$\.telegram\.allow", id="list"),
    pytest.param(
        '[telegram]\ntoken = "env:NOT_THERE"',
        r"variable 'NOT_THERE' is not set - at `\$\.telegram\.token`",
        id="variable",
    ),
    pytest.param(
        '[telegram]\ntoken = "file:no"', r"/no cannot be read \(No such file.* - at `\$\.telegram\.token`", id="file"
    ),
    pytest.param("[telegram]\ntoken = 5", r"text in quotes, got `int` - at `\$\.telegram\.token`", id="secret type"),
    pytest.param('[database]\nurl = "mysql://x"', r"`database\.url` must be empty .* postgresql://", id="engine"),
    pytest.param("apps = 1", r"`apps` must hold tables", id="apps"),
    pytest.param("[apps]\nshop = 1", r"`apps\.shop` must be a table", id="app"),
    pytest.param('[apps.Shop]\nupstream = "a:1"', "App name 'Shop' is not usable", id="name"),
    pytest.param("[apps.shop]", "App 'shop' needs either `repo`", id="neither"),
    pytest.param(APP + 'brnch = "x"', r"unknown field `brnch` - at `\$\.apps\.shop`", id="app key"),
    pytest.param(APP + "limits = { pids = -1 }", r"at `\$\.apps\.shop\.limits\.pids`", id="limit"),
    pytest.param(APP + "env = 1", r"`apps\.shop\.env` must be a table", id="env"),
    pytest.param(APP + "env = { A = 1 }", r"got `int` - at `\$\.apps\.shop\.env\.A`", id="env type"),
    pytest.param(APP + 'env = { A = "env:NOT_THERE" }', r"at `\$\.apps\.shop\.env\.A`", id="env variable"),
    pytest.param(APP + 'env = { "A B" = "1" }', r"`apps\.shop\.env`: Env name 'A B' is not usable", id="env name"),
    pytest.param(
        APP + '[apps.blog]\nupstream = "a:1"\ndomains = ["shop.localhost"]',
        "App 'blog' cannot be served at 'shop.localhost': that host belongs to app 'shop'",
        id="host of another app",
    ),
    pytest.param(APP + 'domains = ["deployd.localhost"]', "that host belongs to deployd itself", id="host of deployd"),
]


@pytest.mark.parametrize(("text", "complaint"), MISTAKES)
def test_a_mistake_is_named_with_file_key_and_what_was_expected(tmp_path: Path, text: str, complaint: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(UserMistake, match=complaint) as refusal:
        load(file)
    assert str(refusal.value).startswith(f"{file}: ")
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"deployd\.toml: The config file cannot be read: No such file"):
        load(tmp_path / "deployd.toml")
    (tmp_path / "deployd.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserMistake, match="is not UTF-8 text"):
        load(tmp_path / "deployd.toml")


def test_a_port_of_0_lets_the_system_choose(tmp_path: Path) -> None:
    config = load(written(tmp_path, '[server]\nhttp = "127.0.0.1:0"\nadmin = "[::1]:0"'))
    assert (config.server.http_address.port, config.server.admin_address) == (0, Address(host="::1", port=0))
