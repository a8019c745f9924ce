#!/bin/sh
# Writes all locks in deploy/requirements from pyproject.toml in one run, so that they agree. Needs uv.
set -eu
cd "$(dirname "$0")/.."
locks=deploy/requirements

compile() {
    lock=$1
    shift
    # No header and no addresses: a lock names versions and hashes, not sources.
    uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file "$locks/$lock.txt" "$@"
}

compile demo pyproject.toml $locks/build.in --extra binary --extra bench --extra capture
compile test pyproject.toml $locks/build.in --extra binary --extra fit --extra test
compile source pyproject.toml $locks/build.in --extra source --extra capture --extra signing
compile sample --no-deps $locks/sample.in

# Parts of the source lock: the image builds the engine in its own layer, which changes of other libraries do not rebuild.
part() {
    awk -v wanted="^($2)==" '/^[^ ]/ { taken = $0 ~ wanted } taken' $locks/source.txt >"$locks/$1.txt"
}
part build 'packaging|setuptools|wheel'
part engine quickfix
