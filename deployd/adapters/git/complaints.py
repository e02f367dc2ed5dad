"""What git says when a fetch fails, as one sentence for a person."""

import re

from deployd.adapters.git.remote import Remote
from deployd.domain.env import GIT_KEY

_LOGIN = re.compile(
    r"could not read (Username|Password)|Authentication failed|terminal prompts disabled|Permission denied \(|"
    r"returned error: 40[13]|Invalid username or password",
    re.I,
)
_NO_REF = re.compile(r"couldn't find remote ref|not our ref|unadvertised object|unknown revision|bad object", re.I)
_NO_REPOSITORY = re.compile(
    r"does not appear to be a git repository|repository .*not found|repository not found|returned error: 404|"
    r"no such repository|does not exist|not valid: is this a git repository",
    re.I,
)
_NO_HOST = re.compile(
    r"could not resolve (host|hostname|proxy)|name or service not known|connection refused|failed to connect|"
    r"couldn't connect|connection timed out|operation timed out|network is unreachable|no route to host|"
    r"connection reset|transfer speed|remote end hung up|empty reply from server|returned error: 5\d\d",
    re.I,
)
_KEY_REFUSED = re.compile(r"Permission denied \([^)]*publickey", re.I)
_NO_SSH = re.compile(r"\bssh: (?:command )?not found|cannot run ssh\b", re.I)
_LFS_SAID = re.compile(r"^(?:batch response: |\[?[0-9a-f]{64}\]? ).*", re.M)
_BAD_PATH = re.compile(r"invalid path '(.*)'")
_REFUSED_HASH = re.compile(r"not our ref|unadvertised object|couldn't find remote ref", re.I)


def server_has_no(complaint: str) -> bool:
    """Whether the fetch failed only because the server does not give out that name by itself."""
    return _REFUSED_HASH.search(complaint) is not None


def looks_known(complaint: str) -> bool:
    """Whether the fault lies with the remote: then a fresh mirror would not help."""
    return _sentence(complaint, "", "") is not None


def no_such_ref(remote: Remote, ref: str | None) -> str:
    if ref is None:
        return f"The repository {remote.url} has no commit yet: push one, or name a branch."
    return f"The repository {remote.url} has no branch, tag or commit {ref!r}."


def too_slow(remote: Remote, seconds: float) -> str:
    return f"The repository {remote.url} could not be fetched within {seconds:g} s; check the host or try again."


def sentence(complaint: str, remote: Remote, ref: str | None) -> str:
    if remote.has_key and _KEY_REFUSED.search(complaint):
        return (
            f"The repository {remote.url} does not let the key in {GIT_KEY} in: add its public key there as a deploy "
            "key, and take one without a passphrase."
        )
    known = _sentence(complaint, remote.url, no_such_ref(remote, ref))
    return known or f"git could not fetch {remote.url}: {remote.redact(last_word(complaint))}"


def no_large_files(complaint: str, remote: Remote) -> str:
    if _LOGIN.search(complaint):
        return f"The Git LFS files of {remote.url} ask for credentials that are missing or wrong."
    said = found[0][:300] if (found := _LFS_SAID.search(complaint)) else last_word(complaint)
    return f"The Git LFS files of {remote.url} could not be fetched: {remote.redact(said)}"


def not_written(complaint: str, sha: str) -> str:
    if refused := _BAD_PATH.search(complaint):
        return f"Commit {sha[:12]} holds the path {refused[1]!r}, which git refuses to write: remove it."
    if "No space left" in complaint or "Disk quota" in complaint:
        return f"Commit {sha[:12]} could not be checked out: the disk is full, free some space on it."
    return f"Commit {sha[:12]} could not be checked out: {last_word(complaint)}"


def _sentence(complaint: str, url: str, no_ref: str) -> str | None:
    if "Host key verification failed" in complaint:
        return f"The ssh host key of {url} differs from the one known here: if that is right, remove the old one."
    if "dubious ownership" in complaint:
        return f"git refuses {url} because the folder belongs to another user; give it to deployd's user or serve it."
    if re.search(r"certificate|SSL_ERROR|gnutls_handshake", complaint, re.I):
        return f"The certificate of {url} could not be verified."
    if _NO_SSH.search(complaint):
        return "ssh is not installed on this machine; install it (apt install openssh-client)."
    if _KEY_REFUSED.search(complaint):
        return (
            f"The repository {url} lets none of the ssh keys of deployd's user in: add its public key there, as a "
            f"deploy key or to an account, or give the app a key of its own with {GIT_KEY} in its env "
            "(some hosts say so for a repository that does not exist)."
        )
    if _LOGIN.search(complaint):
        return (
            f"The repository {url} asks for credentials that are missing or wrong "
            "(some hosts say so for a repository that does not exist): put a token into the URL or set up an ssh key."
        )
    if _NO_REF.search(complaint):
        return no_ref
    if _NO_REPOSITORY.search(complaint):
        return f"There is no git repository at {url}."
    if _NO_HOST.search(complaint):
        return f"The host of {url} could not be reached."
    return None


def last_word(complaint: str) -> str:
    lines = [line.strip() for line in re.split(r"[\r\n]", complaint) if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (told or lines or ["no reason given"])[-1][:300]
