#!/bin/sh
# Writes the locks in deploy/requirements anew from pyproject.toml; needs uv. One run makes all, so that they agree.
set -eu
cd "$(dirname "$0")/.."
locks=deploy/requirements

compile() {
    lock=$1
    shift
    # No header and no addresses: a lock says what is installed, not where from.
    uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file "$locks/$lock.txt" "$@"
}

compile demo pyproject.toml $locks/build.in --extra binary --extra bench --extra capture
compile test pyproject.toml $locks/build.in --extra binary --extra fit --extra test
compile source pyproject.toml $locks/build.in --extra source --extra capture
compile sample --no-deps $locks/sample.in

# Parts of the source lock: an image builds the engine in a layer of its own, which another library does not undo.
part() {
    awk -v wanted="^($2)==" '/^[^ ]/ { taken = $0 ~ wanted } taken' $locks/source.txt >"$locks/$1.txt"
}
part build 'packaging|setuptools|wheel'
part engine quickfix
