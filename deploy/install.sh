#!/bin/sh
# Creates .venv from one of the locks in deploy/requirements: `sh deploy/install.sh demo`. Does nothing if that is done
# already. PYTHON names the interpreter (3.11 or newer) where it is not python3.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
locks=$root/deploy/requirements
venv=$root/.venv
what=$1

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "quotelife needs Python 3.11 or newer; set PYTHON to one (tried: ${PYTHON:-python3, python3.11 to python3.14})" >&2
    exit 1
}

pip_install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@"
}

# The installation depends on the locks, pyproject.toml and the folder that the environment points to.
wanted=$( (cat "$locks/$what.txt" "$locks/sample.txt" "$root/pyproject.toml"; echo "$root") | cksum)
stamp=$venv/.installed-$what
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && new_enough "$venv/bin/python"; then
    exit 0
fi

if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "Creating .venv with $("$python" --version)" >&2
    "$python" -m venv --clear "$venv" || {
        echo "The interpreter cannot create an environment; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
fi
echo "Installing the locked dependencies ($what), once" >&2
# The locks are complete, so nothing is resolved. Only data files of the order-book sample are read, so its dependencies are
# not installed.
pip_install --require-hashes --no-deps -r "$locks/$what.txt"
pip_install --require-hashes --no-deps -r "$locks/sample.txt"
pip_install --no-deps --no-build-isolation -e "$root"
echo "$wanted" >"$stamp"
