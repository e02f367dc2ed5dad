"""What `deployd help TOPIC` says: what no verb's own --help can say, in a few lines each."""

from collections.abc import Callable

from deployd.cli import exit_code
from deployd.cli.place import HERE, OF_THE_HOST, VARIABLE
from deployd.domain.app_state import DEPLOYMENT_MEANINGS, MEANINGS


def _rows(pairs: dict[str, str]) -> str:
    width = max(map(len, pairs))
    return "\n".join(f"  {word:<{width}}  {meaning}" for word, meaning in pairs.items())


def _config() -> str:
    return f"""\
Every verb looks for the configuration in this order and takes the first:
  1. --config FILE
  2. ${VARIABLE}
  3. ./{HERE}
  4. {OF_THE_HOST}
It only wants to know where the daemon's data folder is: --data-dir FOLDER says so, too.

deployd check    read the file and say whether it is usable
deployd doctor   what this machine lacks
deployd reload   apply [server], [tls], [deploy] … with no refused connection
Tables [apps.NAME] are applied as soon as the file is saved."""


def _states() -> str:
    return f"""\
Of an app (`deployd apps`): what visitors get.
{_rows({state.value: meaning for state, meaning in MEANINGS.items()})}
A canary is named behind it: `serving v3, v4 is a canary for 5 % …`.

Of a deployment (`deployd status APP`): what became of it.
{_rows({state.value: meaning for state, meaning in DEPLOYMENT_MEANINGS.items()})}

The two are independent: an app that is `serving v3` may have a last deployment
that `failed`."""


def _exit_codes() -> str:
    return "Every verb ends with one of these:\n" + _rows(
        {str(code.value): meaning for code, meaning in exit_code.MEANINGS.items()}
    )


def _deploy() -> str:
    return """\
deployd deploy APP    the app's branch; --ref for another branch, tag or commit

Stages: queued, fetching, detecting, building, packing, starting, checking,
switching, draining. The old release serves until the new one was healthy and has
been switched to; whatever fails before that changes nothing for visitors.

Ctrl-C leaves the deployment going.
  Follow it again:           deployd logs APP -f --deployment ID
  End it:                    deployd cancel APP
  Go back without a build:   deployd rollback APP
  Some visitors first:       deployd deploy APP --canary 5%

--quiet prints the result alone. --json prints one JSON object a line, by `event`:
  accepted   deployment, urls
  stage      stage, seconds, usual_seconds: when a stage is over
  line       line: of the build, the app or deployd
  ended      deployment: the last one, and with --quiet the only one"""


def _env() -> str:
    return """\
deployd env APP                 names, and the values that are not secret
deployd env APP set KEY=VALUE   secret unless --plain; `KEY` alone reads the value
                                from stdin or asks for it
deployd env APP unset KEY

A new value is used from the next deployment or `deployd restart APP` on. In
deployd.toml it is [apps.NAME.env], where "env:NAME" and "file:PATH" stand for what
is outside the file. Secrets are stored encrypted and hidden in logs."""


def _domains() -> str:
    return """\
Without a domain an app is served at NAME.BASE_DOMAIN (`server.base_domain`).
  deployd create shop --repo URL --domain shop.example.com
or in deployd.toml:
  [apps.shop]
  domains = ["shop.example.com", "*.shop.example.com", "example.com/api"]

A domain is a host, all names one label below one (`*.`), or either with a path.
Point its DNS at this machine; with `tls.acme = true` and `server.https` set, a
certificate is fetched for it."""


def _logs() -> str:
    return """\
deployd logs APP                   the last 100 lines; -n for more, -f to go on
deployd logs APP --level warn      that level and higher
deployd logs APP --deployment ID   its build, its start, and what it wrote since
deployd logs deployd               the daemon's own
deployd logs APP --json            one JSON document a line"""


def _git() -> str:
    return """\
A private repository, in one of these ways:
  https://USER:TOKEN@HOST/PATH.git
      the token is not shown, nor is it in the arguments of a process
  deployd env APP set DEPLOYD_GIT_KEY < KEYFILE
      a private ssh key for this app alone, which only git is given
  git@HOST:PATH.git without either
      the keys of the user who runs deployd (~/.ssh, or an agent)"""


def _output() -> str:
    return """\
In a pipe or a file tables are plain lines: nothing is folded or cut, and there are no
colours. In a terminal NO_COLOR=1 takes the colours away, and TERM=dumb also what is
written over. --wide prints each row of a table on one line.
--json prints JSON. A failure is told on stderr and by the exit code
(`deployd help exit-codes`)."""


TOPICS: dict[str, Callable[[], str]] = {
    "config": _config,
    "deploy": _deploy,
    "domains": _domains,
    "env": _env,
    "exit-codes": _exit_codes,
    "git": _git,
    "logs": _logs,
    "output": _output,
    "states": _states,
}
SUMMARIES = {
    "config": "where the configuration is looked for",
    "deploy": "the stages of a deployment, and how to follow, end and undo it",
    "domains": "where an app is served",
    "env": "an app's variables and secrets",
    "exit-codes": "what the exit codes mean",
    "git": "private repositories: keys and tokens",
    "logs": "lines of an app, of a deployment, of the daemon",
    "output": "pipes, colours, --json",
    "states": "the words for apps and deployments",
}
