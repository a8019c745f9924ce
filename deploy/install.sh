#!/bin/sh
# Creates .venv from one of the locks in deploy/requirements: `sh deploy/install.sh demo`. Does nothing if that is done
# already. PYTHON names the interpreter (3.11 or newer) where it is not python3. Each step is a line with the time since
# the start, which deploy/demo.sh hands on in QUOTELIFE_DEMO_STARTED.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
locks=$root/deploy/requirements
venv=$root/.venv
what=$1
started=${QUOTELIFE_DEMO_STARTED:-$(date +%s)}

step() {
    printf '%6d.0 s  %s\n' $(($(date +%s) - ${started%.*})) "$1" >&2
}

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
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-compile "$@"
}

# The installation depends on the locks, pyproject.toml and the folder that the environment points to.
wanted=$( (cat "$locks/$what.txt" "$locks/sample.txt" "$root/pyproject.toml"; echo "$root") | cksum)
stamp=$venv/.installed-$what
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && new_enough "$venv/bin/python"; then
    exit 0
fi

if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    step "creating .venv with $("$python" --version)"
    "$python" -m venv --clear "$venv" || {
        echo "The interpreter cannot create an environment; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
fi
step "installing $(grep -c '==' "$locks/$what.txt") locked packages ($what), once: about half a minute"
# The locks are complete, so nothing is resolved. Only data files of the order-book sample are read, so its dependencies are
# not installed.
pip_install --require-hashes --no-deps -r "$locks/$what.txt"
step "installing the recorded market"
pip_install --require-hashes --no-deps -r "$locks/sample.txt"
step "installing quotelife"
pip_install --no-deps --no-build-isolation -e "$root"
# Modules are compiled here, on all cores, not by pip on one; for the demo beside it, at the lowest priority. A package may
# hold files that are no modules: their errors are none.
if [ -n "${QUOTELIFE_DEMO_STARTED:-}" ]; then
    nice -n 19 "$venv/bin/python" -m compileall -q "$venv/lib" >/dev/null 2>&1 </dev/null &
else
    "$venv/bin/python" -m compileall -q -j 0 "$venv/lib" >/dev/null 2>&1 || true
fi
echo "$wanted" >"$stamp"
step "installed"
