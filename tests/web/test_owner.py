"""Who owns an app's settings: those in deployd.toml are changed there, by whatever way the change comes."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.config import ConfigActor
from actors.journal import Journal
from deployd.adapters.toml_file import TomlFile
from deployd.config import AppConfig, Config
from deployd.config_file import load
from deployd.domain.app import AppSettings
from deployd.domain.deployment import Outcome
from deployd.domain.event import EventType
from deployd.domain.secret import Secret
from deployd.kernel.problems import Problems
from deployd.messages.deploy import PutApp, RemoveApp, RequestDeployment
from tests.support.actor_runner import running
from tests.web.bench import CLOCK, Bench, Client

NOBODY = 65534
TEXT = """\
# The shop.
[apps.shop]
repo = "https://git.test/shop.git"  # ours
domains = ["shop.example"]

# The blog.
[apps.blog]
upstream = "127.0.0.1:9000"
"""
SHOP = "/api/v1/apps/shop"


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that everybody may look into, which pytest's own are not."""
    made = Path(tempfile.mkdtemp(prefix="deployd-owner-"))
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


class Toml:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text(TEXT)
        path.chmod(0o640)

    def text(self) -> str:
        return self.path.read_text()

    def append(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    def mode(self) -> tuple[int, int, int]:
        seen = self.path.stat()
        return seen.st_mode, seen.st_uid, seen.st_gid

    def turned_into_a_link(self, content: bytes) -> Path:
        real = self.path.with_name("real.toml")
        real.write_bytes(content)
        self.path.unlink()
        self.path.symlink_to(real.name)
        return real

    def beside(self) -> list[str]:
        return [one.name for one in self.path.parent.iterdir()]


@pytest.fixture
async def file(bench: Bench, folder: Path) -> AsyncIterator[Toml]:
    """Read and applied by a real ConfigActor."""
    made = Toml(folder / "deployd.toml")
    file = made.path
    desk, stores = bench.desk, bench.stores
    desk.declared.file = file
    journal = Journal(stores.deployments, stores.events, desk.log, CLOCK)

    def build(ref: Any) -> ConfigActor:
        toml = TomlFile(file)
        return ConfigActor(
            ref, toml, Config(), stores.apps, stores.deployments, desk.deploy, journal, Problems(), desk.declared
        )

    async with running(build, desk.config):
        async with asyncio.timeout(20):
            while not any(one.type == EventType.CONFIG_APPLIED for one in await stores.events.recent(100, None)):
                await asyncio.sleep(0.01)
        yield made


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """As somebody whom the folder does not let write, which root is only after putting its rights down."""
    if os.geteuid() == 0:
        (folder / "deployd.toml").chmod(0o644)
        os.seteuid(NOBODY)
    else:
        folder.chmod(0o555)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        folder.chmod(0o755)


async def test_a_change_over_the_api_is_written_into_the_file_and_applied(
    owner: Client, bench: Bench, file: Toml
) -> None:
    before = file.mode()
    changed = await owner("PATCH", SHOP, {"domains": ["bücher.example"], "health": "/up", "limits": {"pids": 9}})
    assert changed.status == 200, changed.body
    assert (changed.body["owner"], changed.body["drift"]) == ("file", [])
    assert changed.body["settings"]["domains"] == ["xn--bcher-kva.example"]
    assert file.text() == TEXT.replace(
        'domains = ["shop.example"]\n',
        'domains = ["bücher.example"]\nhealth = "/up"\nlimits = { pids = 9 }\n',
    )
    assert file.mode() == before
    assert file.beside() == ["deployd.toml"]
    assert load(file.path).apps["shop"].settings() == (await bench.stores.apps.get("shop")).settings
    default = await owner("PATCH", SHOP, {"health": None, "limits": None, "domains": ["shop.example"]})
    assert (default.status, file.text()) == (200, TEXT)


async def test_a_changed_repo_is_deployed_as_by_an_edit(owner: Client, bench: Bench, file: Toml) -> None:
    before = len([one for one in bench.orders if isinstance(one, RequestDeployment)])
    assert (await owner("PATCH", SHOP, {"repo": "https://git.test/other.git"})).status == 200
    assert len([one for one in bench.orders if isinstance(one, RequestDeployment)]) == before + 1


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"domains": ["blog.localhost"]}, "cannot be served at 'blog.localhost'"),
        ({"domains": ["https://x.example"]}, 'leave out `https://`: \\"x.example\\"'),
        ({"processes": {"web": 1000}}, "at `$.processes[...]`"),
        ({"repo": None}, "needs either `repo`"),
    ],
)
async def test_a_change_that_cannot_work_leaves_the_file_as_it_was(
    owner: Client, file: Toml, patch: Any, words: str
) -> None:
    refused = await owner("PATCH", SHOP, patch)
    assert refused.status == 400
    assert words.replace("\\", "") in refused.body["detail"]
    assert file.text() == TEXT


async def test_what_is_refused_when_it_is_applied_is_taken_out_of_the_file_again(
    owner: Client, bench: Bench, file: Toml
) -> None:
    """Whose host it is only the running deployd knows: the other app does not stand in the file."""
    await bench.add_app("mine", domains=("taken.example",))
    refused = await owner("PATCH", SHOP, {"domains": ["taken.example"]})
    assert (refused.status, "taken.example" in refused.body["detail"]) == (400, True)
    assert file.text() == TEXT
    assert (await owner("GET", SHOP)).body["drift"] == []


async def test_removing_an_app_takes_its_table_out_of_the_file(owner: Client, bench: Bench, file: Toml) -> None:
    assert (await owner("DELETE", SHOP)).status == 204
    assert file.text() == TEXT[TEXT.index("# The blog.") :]
    assert isinstance(bench.orders[-1], RemoveApp)
    assert (await owner("GET", SHOP)).status == 404
    assert (await owner("GET", "/api/v1/apps/blog")).body["owner"] == "file"


async def test_a_file_that_cannot_be_written_is_named_with_the_lines_to_change(
    owner: Client, bench: Bench, file: Toml
) -> None:
    await owner("GET", SHOP)  # Its connection stays open: the socket lies where only its owner may look.
    with read_only(file.path.parent):
        refused = await owner("DELETE", SHOP)
        assert refused.status == 409
        assert refused.body["detail"] == (
            f"App 'shop' stands in {file.path}, lines 2 to 4: delete them there, since deployd cannot write that file "
            "(Permission denied)."
        )
        changed = await owner("PATCH", SHOP, {"health": "/up"})
        assert (changed.status, "lines 2 to 4: set `health` there" in changed.body["detail"]) == (409, True)
    assert file.text() == TEXT
    assert (await owner("GET", SHOP)).body["settings"]["health"] == "/"


async def test_a_file_with_a_mistake_is_not_changed(owner: Client, file: Toml) -> None:
    file.path.write_text(TEXT + "nonsense = 1\n")
    refused = await owner("DELETE", SHOP)
    assert (refused.status, f"{file.path}:9:1: [apps.blog] has no key `nonsense`" in refused.body["detail"]) == (
        400,
        True,
    )
    assert file.text() == TEXT + "nonsense = 1\n"


async def test_a_link_is_followed_and_a_byte_order_mark_stays(owner: Client, file: Toml) -> None:
    real = file.turned_into_a_link(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert (await owner("PATCH", SHOP, {"health": "/up"})).status == 200
    assert sorted(file.beside()) == ["deployd.toml", "real.toml"]
    assert file.path.readlink() == Path("real.toml")
    after = TEXT.replace('"shop.example"]\n', '"shop.example"]\nhealth = "/up"\n')
    assert real.read_bytes() == b"\xef\xbb\xbf" + after.replace("\n", "\r\n").encode()


async def test_drift_is_told_by_the_api(owner: Client, bench: Bench, file: Toml) -> None:
    settings = AppSettings(repo="https://git.test/shop.git", domains=("other.example",))
    await bench.desk.deploy.ask(PutApp(name="shop", settings=settings), 5)
    shown = await owner("GET", SHOP)
    assert shown.body["drift"] == ['`domains` is ["other.example"], and deployd.toml says ["shop.example"].']


async def test_a_value_set_by_command_is_told_as_drift_where_the_file_sets_it_too(
    owner: Client, bench: Bench, file: Toml
) -> None:
    await bench.desk.deploy.ask(PutApp(name="shop", settings=AppSettings(repo="https://git.test/shop.git")), 5)
    declared = AppConfig(repo="https://git.test/shop.git", env={"MODE": Secret("slow"), "SIZE": Secret("1")})
    bench.desk.declared.apps = {"shop": declared}
    hidden = [
        "`env.MODE` was set by command, which hides what deployd.toml says. To have that: deployd env unset shop MODE"
    ]
    changed = await owner("PATCH", f"{SHOP}/env", {"MODE": "fast", "OTHER": "x"})
    assert changed.body["drift"] == hidden
    assert (await owner("GET", f"{SHOP}/env")).body["drift"] == hidden
    assert (await owner("GET", SHOP)).body["drift"] == hidden
    assert (await owner("PATCH", f"{SHOP}/env", {"MODE": None})).body["drift"] == []


async def test_an_app_that_was_made_by_command_is_owned_by_the_api(owner: Client, bench: Bench, file: Toml) -> None:
    await bench.add_app("mine")
    shown = await owner("PATCH", "/api/v1/apps/mine", {"health": "/up"})
    assert (shown.body["owner"], shown.body["settings"]["health"]) == ("api", "/up")
    assert (await owner("DELETE", "/api/v1/apps/mine")).status == 204
    assert file.text() == TEXT
    refused = await owner("POST", "/api/v1/apps", {"name": "shop", "repo": "https://git.test/x.git"})
    assert (refused.status, "stands in" in refused.body["detail"]) == (400, True)


async def test_exported_apps_become_the_files_by_appending_them(owner: Client, bench: Bench, file: Toml) -> None:
    await bench.add_app("mine", domains=("mine.example",))
    await bench.end((await bench.add_deployment("mine")).id, Outcome.LIVE)
    await owner("PATCH", "/api/v1/apps/mine/env", {"API_TOKEN": "hunter2"})
    answered = await owner("GET", "/api/v1/export")
    assert answered.response.content_type == "application/toml"
    assert "hunter2" not in answered.body
    assert "apps.shop" not in answered.body
    orders = len(bench.orders)
    file.append("\n" + answered.body)
    async with asyncio.timeout(20):
        while (await owner("GET", "/api/v1/apps/mine")).body["owner"] != "file":
            await asyncio.sleep(0.01)
        while not any(isinstance(order, PutApp) and order.name == "mine" for order in bench.orders[orders:]):
            await asyncio.sleep(0.01)
    assert not any(isinstance(order, RequestDeployment) for order in bench.orders[orders:])
    assert (await owner("GET", "/api/v1/apps/mine")).body["drift"] == []
    refused = await owner("GET", "/api/v1/apps/mine/export")
    assert (refused.status, f"stands in {file.path} already" in refused.body["detail"]) == (409, True)


async def test_secrets_are_exported_only_when_asked_for_and_never_to_strangers(
    owner: Client, stranger: Client, bench: Bench
) -> None:
    await bench.add_app("mine")
    await owner("PATCH", "/api/v1/apps/mine/env", {"API_TOKEN": "hunter2"})
    assert "hunter2" not in (await owner("GET", "/api/v1/apps/mine/export")).body
    assert 'API_TOKEN = "hunter2"' in (await owner("GET", "/api/v1/apps/mine/export?secrets=true")).body
    assert (await stranger("GET", "/api/v1/apps/mine/export?secrets=true", Host="panel.test")).status == 401


async def test_a_body_that_is_nested_without_end_is_refused(owner: Client, file: Toml) -> None:
    body: dict[str, Any] = {}
    for _ in range(800):
        body = {"limits": body}
    refused = await owner("PATCH", SHOP, body)
    assert (refused.status, file.text()) == (400, TEXT)
