#!/bin/sh
# The main job to watch, from nothing: a venue, the service and its clients, over FIX on this machine.
# Arguments go to `quotelife simulate`: sh deploy/demo.sh --duration 20 --market synthetic
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/install.sh" demo
exec "$here/../.venv/bin/quotelife" simulate "$@"
