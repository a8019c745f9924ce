#!/bin/sh
# Installs quotelife and runs the demo: a venue, the service and simulated clients, connected by FIX on this machine.
# Arguments are those of `quotelife simulate`: sh deploy/demo.sh --duration 20 --market synthetic
# Each step of the start is a line with the time since this command. The first start installs and compiles.
set -eu
QUOTELIFE_DEMO_STARTED=$(date +%s.%N)
export QUOTELIFE_DEMO_STARTED
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/install.sh" demo
exec "$here/../.venv/bin/quotelife" simulate "$@"
