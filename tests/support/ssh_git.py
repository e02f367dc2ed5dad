"""Real git over ssh without a listening server: ssh talks to an sshd that it starts itself, as `ProxyCommand`."""

import getpass
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

HOST = "git.test"
_SSHD = "/usr/sbin/sshd"
_SSHD_CONFIG = """\
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
_CONFIG = """\
IdentityFile {folder}/key
IdentitiesOnly yes
UserKnownHostsFile {folder}/known_hosts
ProxyCommand {sshd} -i -f {folder}/sshd_config
"""
_COMMANDS = """\
#!/bin/sh
# What a host of repositories answers to: nothing but git and the question where large files are.
set -- $SSH_ORIGINAL_COMMAND
path=$(echo "$2" | tr -d "'" | sed 's,^/,,')
case "$1" in
    git-upload-pack) exec git-upload-pack "{root}/$path" ;;
    git-lfs-authenticate) echo '{{"href": "{lfs}/'"$path"'.git/info/lfs", "expires_in": 600}}' ;;
    *) echo "Invalid command" >&2; exit 1 ;;
esac
"""


class SshGit:
    """Serves the repositories below `root` to the one who holds `folder`/key; `programs` must come first in PATH.

    `lfs` is the base URL of the server that it names for large files.
    """

    def __init__(self, folder: Path, root: Path, lfs: str) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.programs.mkdir(parents=True)
        for name in ("host", "key", "stranger"):
            self.make_key(name)
        _script(folder / "commands", _COMMANDS.format(root=root, lfs=lfs))
        self._let_in("key")
        (folder / "sshd_config").write_text(_SSHD_CONFIG.format(folder=folder))
        (folder / "config").write_text(_CONFIG.format(folder=folder, sshd=_SSHD))
        _script(self.programs / "ssh", f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')

    def make_key(self, name: str, passphrase: str = "") -> str:
        """The private one."""
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(self.folder / name))
        return (self.folder / name).read_text()

    def _let_in(self, name: str) -> None:
        key = _public(self.folder / name)
        (self.folder / "authorized").write_text(f'command="{self.folder}/commands",restrict {key}')

    def url(self, name: str) -> str:
        return f"ssh://{getpass.getuser()}@{HOST}/{name}"

    def short(self, name: str) -> str:
        return f"{getpass.getuser()}@{HOST}:{name}"

    def _why_unusable(self) -> str:
        """Asks without any of deployd: empty when this host's sshd lets its own user in."""
        options = ("-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null")
        command = [
            str(self.programs / "ssh"),
            *options,
            f"{getpass.getuser()}@{HOST}",
            "git-lfs-authenticate x download",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return "" if done.returncode == 0 else f"sshd does not let its own user in: {done.stderr.strip()[-200:]}"

    def lock_out(self) -> str:
        """From now on only this other private key is let in."""
        self._let_in("stranger")
        return (self.folder / "stranger").read_text()

    def change_host_key(self) -> None:
        for name in ("stranger", "stranger.pub"):
            shutil.copy(self.folder / name, self.folder / name.replace("stranger", "host"))


def serve_over_ssh(folder: Path, root: Path, lfs: str = "") -> SshGit:
    """Skips the test, and fails it in CI, on a host whose sshd is not there or not to be used."""
    if reason := _why_no_sshd():
        _unavailable(reason)
    ssh = SshGit(folder, root, lfs)
    if reason := ssh._why_unusable():
        _unavailable(reason)
    return ssh


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _why_no_sshd() -> str:
    """Empty when sshd is here and, for root, may start."""
    if not os.access(_SSHD, os.X_OK) or shutil.which("ssh") is None:
        return "sshd is not installed"
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    return ""


def _public(key: Path) -> str:
    return key.with_suffix(".pub").read_text()


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
