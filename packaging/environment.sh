#!/usr/bin/env bash
# Makes .venv for a purpose, from hashed locks: `run` has what deployd and its demo use, `test` everything.
# Of two at once, one waits for the other.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=$1
python=${PYTHON:-python3}
exec {lock}<packaging
flock "$lock"

bash packaging/system-packages.sh "$purpose"
if ! .venv/bin/python -c '' 2>/dev/null; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "deployd takes Python 3.11 or newer, and $("$python" --version) is $(command -v "$python"):" \
            "name another one, for instance PYTHON=python3.12 make demo" >&2
        exit 1
    }
    "$python" -m venv --clear --without-pip .venv
fi
if [ ! -x .venv/bin/uv ]; then # By the pip that Python brings along, which runs as it is packed.
    sed -n '/^uv==/,/[^\\]$/p' requirements-run.lock >.venv/uv.lock
    pip=$(.venv/bin/python packaging/bundled_pip.py)
    .venv/bin/python "$pip/pip" install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
fi
uv=(.venv/bin/uv pip --quiet)
if [ "$purpose" = run ]; then # What `test` brought stays.
    "${uv[@]}" install --python .venv/bin/python --require-hashes -r requirements-run.lock
else
    "${uv[@]}" sync --python .venv/bin/python --require-hashes requirements.lock
fi
"${uv[@]}" install --python .venv/bin/python --no-deps --editable .
.venv/bin/python packaging/page.py registry
touch .venv/.run ".venv/.$purpose"
