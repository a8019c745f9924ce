#!/bin/sh
# The test suite, from nothing. Arguments go to pytest: --slow for all of it, or tests/unit -k config
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/install.sh" test
cd "$here/.."

# What is no Python package: Prometheus with its promtool, which checks what we export, and a browser for the desk page.
# Where they cannot be had, their tests skip by name.
missing=
command -v promtool >/dev/null || missing=prometheus
command -v chromium >/dev/null || missing="$missing chromium"
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing the Debian packages: $missing" >&2
    # shellcheck disable=SC2086  # names of packages, one word each
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing; } \
        >/dev/null 2>&1 || echo "They could not be installed; their tests are skipped" >&2
fi

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
exec .venv/bin/python -m pytest -n "${TEST_WORKERS:-3}" "$@"
