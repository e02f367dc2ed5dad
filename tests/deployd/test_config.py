"""deployd.toml: what is read, and how each mistake is named."""

import re
from pathlib import Path
from typing import Any

import pytest

from deployd.config import CertificateFiles, Config
from deployd.config_file import load, resolve_env
from deployd.domain.app import AppSettings, HealthCheck, Limits
from deployd.domain.errors import UserMistake
from deployd.domain.route import Address
from deployd.domain.secret import Secret
from deployd.settings.mistakes import ConfigMistakes


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
    pytest.param("[server\n", "1:8: Not valid TOML: `]` is missing", id="syntax"),
    pytest.param("[server]\nhttp = 80", "2:8: `server.http` must be text in quotes, and is the number 80", id="type"),
    pytest.param('[server]\nhtpp = ":80"', "2:1: [server] has no key `htpp`: did you mean `http`?", id="unknown key"),
    pytest.param("[sever]", "1:2: There is no table [sever]: did you mean [server]?", id="unknown table"),
    pytest.param('[server]\nhttp = "8080"', "2:8: `server.http` '8080' is not of the form host:port", id="no host"),
    pytest.param('[server]\nadmin = "::1:80"', "2:9: `server.admin` '::1:80' is not of the form", id="bare IPv6"),
    pytest.param('[server]\nadmin = "a:99999"', "2:9: `server.admin` 'a:99999' is not of the form", id="port"),
    pytest.param('[server]\nhttps = "443"', "2:9: `server.https` '443' is not of the form host:port", id="https"),
    pytest.param("[tls]\nacme = true", "2:8: `tls` needs a listener for its certificates", id="acme without https"),
    pytest.param(
        '[[tls.certificates]]\ncert = "a"\nkey = "b"', "1:7: `tls` needs a listener", id="files without https"
    ),
    pytest.param(
        '[[tls.certificates]]\ncert = "a"', "1:7: `tls.certificates[1]` lacks `key`", id="certificate without key"
    ),
    pytest.param("[server]\nhttp2 = true", "2:9: `server.http2` is for the https listener", id="http2"),
    pytest.param('[tls]\ndirectory = "http://a"', "2:13: `tls.directory` 'http://a' must start with", id="directory"),
    pytest.param(
        '[tls]\ndirectory = "https://a"\nstaging = true', "3:11: `tls.staging` is Let's Encrypt's", id="staging"
    ),
    pytest.param('[tls]\nemail = "me"', "2:9: `tls.email` 'me' is not an address", id="email"),
    pytest.param('[server]\nbase_domain = "A b"', "2:15: `server.base_domain` 'A b' is not a host name", id="domain"),
    pytest.param(
        '[server]\nbase_domain = "http://Apps.example.com:80"',
        "2:15: `server.base_domain` 'http://Apps.example.com:80' is not a host name: leave out `http://` and the port "
        '`:80` and write it in lower case: "apps.example.com".',
        id="domain as URL",
    ),
    pytest.param(
        '[server]\ncontrol_host = "a/b"', "2:16: `server.control_host` 'a/b' is not a host", id="control host"
    ),
    pytest.param(
        '[server]\ntrusted_proxies = ["10.0.0.0/33"]',
        "2:20: `server.trusted_proxies` '10.0.0.0/33' is not an address or network",
        id="trusted",
    ),
    pytest.param(
        "[server]\nproxy_protocol = true", "2:18: `server.proxy_protocol` needs to know from whom", id="PROXY from whom"
    ),
    pytest.param(
        '[apps.a]\nupstream = "a:1"\ndomains = ["deployd.localhost/x"]',
        "3:12: App 'a' cannot be served at 'deployd.localhost/x': that host belongs to deployd itself",
        id="a path of the control host",
    ),
    pytest.param(
        "[server]\nshutdown_seconds = -1",
        "2:20: `server.shutdown_seconds` must be a number above 0, up to 86,400, and is -1",
        id="negative",
    ),
    pytest.param("[deploy]\nbuilds_at_once = 0", "2:18: `deploy.builds_at_once` must be a whole number", id="zero"),
    pytest.param(
        '[deploy]\nbuild_network = "isolate"',
        '2:17: `deploy.build_network` must be one of "auto", "host", "isolated", and is "isolate": '
        'did you mean "isolated"?',
        id="enumeration",
    ),
    pytest.param(
        '[telegram]\nallow = ["me"]', "2:10: `telegram.allow[1]` must be a whole number, and is text", id="list"
    ),
    pytest.param(
        "[telegram]\nallow = 1",
        "2:9: `telegram.allow` must be a list of numbers, and is the number 1: put it into [ ]",
        id="no list",
    ),
    pytest.param(
        '[telegram]\ntoken = "env:NOT_THERE"',
        "2:9: `telegram.token`: The environment variable 'NOT_THERE' is not set",
        id="variable",
    ),
    pytest.param('[telegram]\ntoken = "file:~nobody-here/no"', "/no cannot be read (No such file", id="file of nobody"),
    pytest.param('[telegram]\ntoken = "file:no"', "/no cannot be read (No such file or directory)", id="file"),
    pytest.param("[telegram]\ntoken = 5", "2:9: `telegram.token` must be text in quotes", id="secret type"),
    pytest.param('[database]\nurl = "mysql://x"', "2:7: `database.url` must be empty (SQLite)", id="engine"),
    pytest.param("apps = 1", "1:8: `apps` must be a table of names and tables", id="apps"),
    pytest.param("[apps]\nshop = 1", "2:8: `apps.shop` must be a table", id="app"),
    pytest.param(
        "[[apps.shop]]", "1:8: `apps.shop` must be a table, and is a list: its name stands in single", id="list"
    ),
    pytest.param('[apps.Shop]\nupstream = "a:1"', "1:7: App name 'Shop' is not usable", id="name"),
    pytest.param("[apps.shop]", "1:7: App 'shop' needs either `repo`", id="neither"),
    pytest.param(
        '[shop]\nrepo = "/x"', "1:2: There is no table [shop]: the table of an app is [apps.shop].", id="bare app"
    ),
    pytest.param('[server]\nrepo = "/x"', "2:1: [server] has no key `repo`: it is a key of [apps.NAME]", id="no app's"),
    pytest.param(APP + 'brnch = "x"', "3:1: [apps.shop] has no key `brnch`: did you mean `branch`?", id="app key"),
    pytest.param(
        APP + "memory_mb = 5", "3:1: [apps.shop] has no key `memory_mb`: did you mean `limits.memory_mb`?", id="up"
    ),
    pytest.param(
        APP + "[apps.shop.limits]\ndomains = []",
        "4:1: [apps.shop.limits] has no key `domains`: it is a key of [apps.shop], so move it up, above the line "
        "[apps.shop.limits].",
        id="below a table of its own",
    ),
    pytest.param(APP + "limits = { pids = -1 }", "3:19: `apps.shop.limits.pids` must be a whole number", id="limit"),
    pytest.param(
        APP + 'build.spa = "true"', "3:13: `apps.shop.build.spa` must be true or false, and is text: leave", id="bool"
    ),
    pytest.param(APP + 'proxy = { reuse = "save" }', 'and is "save": did you mean "safe"?', id="Reuse"),
    pytest.param(APP + "env = 1", "3:7: `apps.shop.env` must be a table of names and texts", id="env"),
    pytest.param(APP + "env = { A = 1 }", "3:13: `apps.shop.env.A` must be text in quotes", id="env type"),
    pytest.param(APP + 'env = { A = "env:NOT_THERE" }', "3:13: `apps.shop.env.A`: The environment", id="env variable"),
    pytest.param(APP + 'env = { "A B" = "1" }', "3:9: `apps.shop.env`: Env name 'A B' is not usable", id="env name"),
    pytest.param(
        APP + '[apps.blog]\nupstream = "a:1"\ndomains = ["shop.localhost"]',
        "5:12: App 'blog' cannot be served at 'shop.localhost': that host belongs to app 'shop'",
        id="host of another app",
    ),
    pytest.param(APP + 'domains = ["deployd.localhost"]', "that host belongs to deployd itself", id="host of deployd"),
]


@pytest.mark.parametrize(("text", "complaint"), MISTAKES)
def test_a_mistake_is_told_with_file_line_column_and_what_would_be_right(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigMistakes) as refusal:
        load(file)
    first, line, marks = str(refusal.value).split("\n")
    assert re.match(f"{re.escape(str(file))}:[0-9]+:[0-9]+: ", first)
    assert complaint in first
    number, column = map(int, first.removeprefix(f"{file}:").split(":")[:2])
    assert line.startswith(f"{number:5} | ")
    assert marks.index("^") == 7 + column


def test_all_mistakes_are_told_up_to_ten_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "[server]\nhttp = 80\n[logs]\nkep_days = 1\n" + "".join(
        f'[apps.a{number}]\nrepo = "/x"\ndomains = ["HTTP://a{number}"]\n' for number in range(10)
    )
    with pytest.raises(ConfigMistakes) as refusal:
        load(written(tmp_path, text))
    told = str(refusal.value).splitlines()
    assert [line.split(":")[1] for line in told if ": " in line and "deployd.toml:" in line] == [
        *("2", "4"), *(str(7 + 3 * number) for number in range(8))
    ]  # fmt: skip
    assert told[-1] == "and 2 more mistakes"


def test_what_follows_from_another_mistake_is_not_told(tmp_path: Path) -> None:
    """Without its [server] nobody knows whether there is an https listener, or which hosts are taken."""
    text = '[server]\nhttps = 443\nhttp2 = true\n[tls]\nacme = true\n[apps.deployd2]\nrepo = "/x"\n'
    with pytest.raises(ConfigMistakes) as refusal:
        load(written(tmp_path, text))
    assert len(refusal.value.mistakes) == 1


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    file = tmp_path / "deployd.toml"
    file.write_bytes(b"\xef\xbb\xbf" + b'[server]\r\nhttp = "127.0.0.1:80"\r\n')
    assert load(file).server.http_address.port == 80
    file.write_bytes(b"\xef\xbb\xbf" + b"[sever]\r\n")
    with pytest.raises(ConfigMistakes, match=r":1:2: There is no table \[sever\]"):
        load(file)


def test_names_with_letters_beyond_ascii_become_what_browsers_ask_for(tmp_path: Path) -> None:
    text = """
        [server]
        base_domain = "Köln.example"
        [apps.a]
        repo = "/x"
        domains = ["bücher.example", "*.faß.example/api", "plain.example"]
        proxy = { canonical = "bücher.example" }
    """
    config = load(written(tmp_path, text))
    assert config.server.control_name == "deployd.xn--kln-sna.example"
    assert config.apps["a"].domains == ("xn--bcher-kva.example", "*.xn--fa-hia.example/api", "plain.example")
    assert config.apps["a"].proxy.canonical == "xn--bcher-kva.example"


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"deployd\.toml: The config file cannot be read: No such file"):
        load(tmp_path / "deployd.toml")
    (tmp_path / "deployd.toml").write_bytes("\ufeffa = 1\nb = 'ü".encode() + b"\xff'")
    with pytest.raises(UserMistake, match=r"deployd\.toml:2:7: The config file is not UTF-8 text"):
        load(tmp_path / "deployd.toml")


def test_a_port_of_0_lets_the_system_choose(tmp_path: Path) -> None:
    config = load(written(tmp_path, '[server]\nhttp = "127.0.0.1:0"\nadmin = "[::1]:0"'))
    assert (config.server.http_address.port, config.server.admin_address) == (0, Address(host="::1", port=0))
