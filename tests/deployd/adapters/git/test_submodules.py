"""Submodules with real git: found, fetched shallow, and refused where they would lead astray."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from deployd.adapters.git import submodules
from deployd.domain.errors import BuildFailed
from tests.deployd.adapters.git.served import APP, Served, add_submodule, commit_tree, head
from tests.support.git_http import serve_git
from tests.support.repos import git, write
from tests.support.stream_server import stream_server


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "served").mkdir()
    async with serve_git(tmp_path / "served") as base_url:
        yield Served(tmp_path, base_url)


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_submodules_and_theirs_are_checked_out_each_at_its_commit(served: Served) -> None:
    inner = served.make("inner")
    theme = served.make("theme")
    add_submodule(theme, "vendor/inner", "../inner", head(inner))
    app = served.make("app")
    add_submodule(app, "themes/plain", f"{served.base_url}/theme", head(theme))
    write(theme, {"index.html": "newer"}, "Not what the app asks for")
    project = await served.checkout(await served.fetch("app"))
    found = files(project)
    assert found.pop(".gitmodules")
    assert found.pop("themes/plain/.gitmodules")
    assert found == {
        "index.html": "app",
        "themes/plain/index.html": "theme",
        "themes/plain/vendor/inner/index.html": "inner",
    }


async def test_submodules_are_fetched_shallow_and_only_once(served: Served) -> None:
    theme = served.make("theme")
    for number in range(3):
        write(theme, {"index.html": str(number)}, f"Change {number}")
    app = served.make("app")
    add_submodule(app, "theme", "../theme", head(theme))
    await served.fetch("app")
    [mirror] = (served.folder / "mirrors/shop.git/modules").iterdir()
    assert git(mirror, "rev-list", "--all", "--count") == "1"
    (served.top / "theme").rename(served.top / "moved")
    git(app, "commit", "-q", "--allow-empty", "-m", "The submodule is the same")
    project = await served.checkout(await served.fetch("app"))
    assert (project / "theme/index.html").read_text() == "2"


async def test_the_login_of_the_repository_serves_for_submodules_of_that_host(tmp_path: Path) -> None:
    async with serve_git(tmp_path / "served", login=("bot", "s3cret-token")) as base_url:
        served = Served(tmp_path, base_url)
        theme, app = served.make("theme"), served.make("app")
        add_submodule(app, "theme", f"{base_url}/theme", head(theme))
        address = base_url.replace("http://", "http://bot:s3cret-token@")
        project = await served.checkout(await served.fetch(f"{address}/app"))
    assert (project / "theme/index.html").read_text() == "theme"
    assert not any("s3cret" in line for line in served.lines)


async def test_the_login_of_the_repository_is_never_sent_to_another_host(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with (
        stream_server(listen) as other,
        serve_git(tmp_path / "served", login=("bot", "s3cret-token")) as base_url,
    ):
        served = Served(tmp_path, base_url)
        app = served.make("app")
        add_submodule(app, "theme", f"http://127.0.0.1:{other}/theme", "1" * 40)
        address = base_url.replace("http://", "http://bot:s3cret-token@")
        with pytest.raises(BuildFailed, match=r"The submodule 'theme' cannot be fetched\. There is no git repository"):
            await served.fetch(f"{address}/app")
    assert heard
    assert not any(b"Authorization" in request for request in heard)


async def test_a_repository_on_this_machine_may_have_submodules_there(served: Served) -> None:
    theme, other, app = served.make("theme"), served.make("other"), served.make("app")
    add_submodule(app, "theme", "../theme", head(theme))
    add_submodule(app, "other", f"file://{other}", head(other))
    project = await served.checkout(await served.fetch(str(app)))
    assert (project / "theme/index.html").read_text() == "theme"
    assert (project / "other/index.html").read_text() == "other"


@pytest.mark.parametrize("kind", ["path", "file URL", "relative path"])
async def test_a_repository_elsewhere_may_not_name_a_path_of_this_machine(served: Served, kind: str) -> None:
    secret = served.make("secret")
    app = served.make("app")
    url = {"path": str(secret), "file URL": f"file://{secret}", "relative path": "/../secret"}[kind]
    add_submodule(app, "stolen", url, head(secret))
    with pytest.raises(BuildFailed, match=r"'stolen' is at .*, a path of this machine: only a local repository may"):
        await served.fetch("app")
    assert not (served.folder / "mirrors/shop.git/modules").exists()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ext::sh -c 'touch %s'", "transport helper"),
        ("ext::sh", "transport helper"),
        ("-u./payload", "not a git URL"),
        ("--upload-pack=touch /tmp/x", "not a git URL"),
        ("ssh://-oProxyCommand=touch/x", "begins with a dash"),
        ("ssh://git@-oProxyCommand=touch/x", "begins with a dash"),
        ("git@-oProxyCommand=touch:x", "begins with a dash"),
        ("http://host/a\nhttp://other/b", "not a git URL"),
        ("http://host/caf\udce9", "not a git URL"),
        ("gopher://host/a", "are not supported"),
        ("http://[half/a", "not a git URL"),
        ("../../../../../theme", "leads out of"),
        ("", "has no URL"),
    ],
)
async def test_a_url_that_git_must_not_be_given_is_refused_and_named(served: Served, url: str, sentence: str) -> None:
    app = served.make("app")
    add_submodule(app, "bad", url, "1" * 40)
    with pytest.raises(BuildFailed, match=f"The submodule 'bad' .*{sentence}"):
        await served.fetch("app")


@pytest.mark.parametrize("path", ["../../etc", "/etc", "a/../../b", ".git/hooks", "a/.GIT/x", "git~1", ".", "a//b"])
async def test_a_path_that_does_not_lie_in_the_project_is_refused(served: Served, path: str) -> None:
    app = served.make("app")
    text = f'[submodule "bad"]\n\tpath = {path}\n\turl = {served.base_url}/app\n'
    write(app, {".gitmodules": text}, "Bad path")
    with pytest.raises(BuildFailed, match="does not lie inside the project"):
        await served.fetch("app")


async def test_settings_that_would_run_a_command_run_nothing(served: Served) -> None:
    theme, app = served.make("theme"), served.make("app")
    flag = served.folder / "ran"
    add_submodule(app, "theme", "../theme", head(theme), update=f"!touch {flag}", branch=f"$(touch {flag})")
    text = (app / ".gitmodules").read_text()
    include = served.folder / "included"
    include.write_text(f"[core]\n\tfsmonitor = touch {flag}\n\tsshCommand = touch {flag}\n")
    write(app, {".gitmodules": f"{text}[include]\n\tpath = {include}\n[core]\n\tfsmonitor = touch {flag}\n"}, "Include")
    git(app, "update-index", "--add", "--cacheinfo", f"160000,{head(theme)},theme")
    git(app, "commit", "-q", "-m", "Again")
    project = await served.checkout(await served.fetch("app"))
    assert (project / "theme/index.html").read_text() == "theme"
    assert not flag.exists()


async def test_a_repository_that_holds_itself_ends_where_its_history_ends(served: Served) -> None:
    app = served.make("app")
    for _ in range(3):
        add_submodule(app, "self", "../app", head(app))
        git(app, "reset", "-q", "--hard")
    found = await served.fetch("app")
    assert [one.path for one in found.submodules] == ["self", "self/self", "self/self/self"]


async def test_submodules_nested_too_deep_are_refused(served: Served) -> None:
    app = served.make("app")
    for _ in range(submodules.DEEPEST + 1):
        add_submodule(app, "self", "../app", head(app))
    with pytest.raises(BuildFailed, match="more than 10 deep"):
        await served.fetch("app")


async def test_a_huge_number_of_submodules_is_refused(served: Served) -> None:
    theme, app = served.make("theme"), served.make("app")
    count = submodules.MOST + 1
    text = "".join(f'[submodule "{n}"]\n\tpath = m/{n}\n\turl = ../theme\n' for n in range(count))
    write(app, {".gitmodules": text}, "Many")
    lines = "".join(f"160000 {head(theme)}\tm/{n}\n" for n in range(count))
    (served.folder / "lines").write_text(lines)
    git(app, "-c", f"alias.many=!git update-index --index-info < {served.folder}/lines", "many")
    git(app, "commit", "-q", "-m", "Many")
    with pytest.raises(BuildFailed, match="more than 200 submodules"):
        await served.fetch("app")


async def test_a_gitmodules_larger_than_any_is_refused(served: Served) -> None:
    write(served.make("app"), {".gitmodules": "# " + "x" * 300_000}, "Large")
    with pytest.raises(BuildFailed, match="larger than 256 KiB"):
        await served.fetch("app")


async def test_a_gitmodules_that_is_a_link_is_refused(served: Served) -> None:
    app = served.make("app")
    (app / ".gitmodules").symlink_to("/etc/passwd")
    commit_tree(app, ("120000", "blob", b"/etc/passwd", b".gitmodules"))
    with pytest.raises(BuildFailed, match=r"The commit's .gitmodules is not a plain file"):
        await served.fetch("app")


async def test_a_gitmodules_that_cannot_be_read_is_refused(served: Served) -> None:
    write(served.make("app"), {".gitmodules": '[submodule "x'}, "Broken")
    with pytest.raises(BuildFailed, match=r"The commit's .gitmodules cannot be read"):
        await served.fetch("app")


async def test_what_gitmodules_names_but_the_commit_does_not_hold_is_left_alone(served: Served) -> None:
    text = '[submodule "gone"]\n\tpath = gone\n\turl = ext::sh\n[submodule "plain"]\n\tpath = index.html\n\turl = -u\n'
    write(served.make("app"), {".gitmodules": text}, "Stale")
    assert (await served.fetch("app")).submodules == ()


async def test_a_submodule_that_is_not_wanted_is_left_out(served: Served) -> None:
    app = served.make("app")
    add_submodule(app, "off", "../missing", "1" * 40, update="none")
    project = await served.checkout(await served.fetch("app"))
    assert list((project / "off").iterdir()) == []


async def test_a_submodule_whose_commit_is_not_there_is_named(served: Served) -> None:
    served.make("theme")
    add_submodule(served.make("app"), "theme", "../theme", "1" * 40)
    with pytest.raises(
        BuildFailed, match=r"The submodule 'theme' cannot be fetched\. .* has no branch, tag or commit '111"
    ):
        await served.fetch("app")


@pytest.mark.parametrize("link_first", [True, False])
async def test_a_tree_with_one_name_twice_leads_nowhere(served: Served, tmp_path: Path, link_first: bool) -> None:
    """As a link and as a folder: that can be made by hand."""
    theme, app = served.make("theme"), served.make("app")
    (tmp_path / "outside").mkdir()
    inner = commit_tree(app, ("160000", "commit", head(theme).encode(), b"in"))
    folder = git(app, "rev-parse", f"{inner}^{{tree}}").encode()
    text = b'[submodule "x"]\n\tpath = way/in\n\turl = ../theme\n'
    twice = [("120000", "blob", str(tmp_path / "outside").encode(), b"way"), ("40000", "hash", folder, b"way")]
    commit_tree(app, ("100644", "blob", text, b".gitmodules"), *(twice if link_first else reversed(twice)))
    with contextlib.suppress(BuildFailed):
        await served.checkout(await served.fetch("app"))
    assert list((tmp_path / "outside").iterdir()) == []


async def test_a_submodule_is_not_written_through_a_link_nor_over_other_files(served: Served, tmp_path: Path) -> None:
    theme, app = served.make("theme"), served.make("app", {"taken/file": "x"})
    add_submodule(app, "theme", "../theme", head(theme))
    (app / "way").symlink_to(tmp_path / "served")
    git(app, "add", "way")
    git(app, "commit", "-q", "-m", "A link")
    whole = await served.fetch("app")
    [module] = whole.submodules
    for number, (path, sentence) in enumerate({"way/in": "'way' is not a folder", "taken": "are in its place"}.items()):
        harmful = msgspec.structs.replace(whole, submodules=(msgspec.structs.replace(module, path=path),))
        with pytest.raises(BuildFailed, match=sentence):
            await served.checkout(harmful, f"project-{number}")
    assert not (tmp_path / "served/in").exists()


async def test_names_that_are_no_text_are_kept(served: Served) -> None:
    theme, app = served.make("theme"), served.make("app")
    path = "caf\udce9 one"
    add_submodule(app, path, "../theme", head(theme))
    project = await served.checkout(await served.fetch("app"))
    assert (project / path / "index.html").read_text() == "theme"
    assert all(line.isprintable() for line in served.lines)


async def test_forgetting_an_app_forgets_its_submodules(served: Served) -> None:
    theme, app = served.make("theme"), served.make("app")
    add_submodule(app, "theme", "../theme", head(theme))
    await served.fetch("app")
    await served.sources.forget(APP)
    assert list((served.folder / "mirrors").iterdir()) == []
