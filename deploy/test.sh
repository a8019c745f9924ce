#!/bin/sh
# Installs the test environment and runs linters, type checks and tests. Arguments go to pytest: --slow for all tests.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/install.sh" test
cd "$here/.."

# Debian packages: Prometheus with promtool, which checks the exported metrics, and a browser for the desk page. Tests that
# need one that cannot be installed are skipped and say so.
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
# Once, on all cores: otherwise each worker of pytest compiles every kernel for itself.
.venv/bin/python -c 'from quotelife.runtime.kernel_compilation import ensure; ensure()'
exec .venv/bin/python -m pytest -n "${TEST_WORKERS:-3}" "$@"
