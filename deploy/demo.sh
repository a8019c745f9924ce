#!/bin/sh
# Installs quotelife and runs the demo: a venue, the service and simulated clients, connected by FIX on this machine.
# Arguments are those of `quotelife simulate`: sh deploy/demo.sh --duration 20 --market synthetic
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/install.sh" demo
exec "$here/../.venv/bin/quotelife" simulate "$@"
