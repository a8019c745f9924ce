#!/bin/sh
# The test suite, from nothing. Arguments go to pytest: --slow for all of it, or tests/unit -k config
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/install.sh" test
cd "$here/.."

# Prometheus' own tool checks what we export. It is no Python package; where it cannot be had, its test skips by name.
if ! command -v promtool >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing the package prometheus, for promtool" >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends prometheus; } \
        >/dev/null 2>&1 || echo "It could not be installed; its test is skipped" >&2
fi

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
exec .venv/bin/python -m pytest -n "${TEST_WORKERS:-2}" "$@"
