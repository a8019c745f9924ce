#!/bin/sh
# Builds and runs the image without a container engine: buildah in a chroot, on a base from debootstrap. Needs Debian, root,
# 15 minutes the first time, and 4 GB under BUILD_ROOT. After the build it runs `quotelife doctor`, then the demo until
# clients get quotes.
#   sh deploy/build-image.sh
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=${BUILD_ROOT:-/var/tmp/quotelife-image}
release=bookworm

for tool in buildah debootstrap; do
    command -v $tool >/dev/null || {
        echo "$tool is missing: apt-get install --no-install-recommends buildah debootstrap" >&2
        exit 1
    }
done
mkdir -p "$work"
exec 9>"$work/lock"
flock -n 9 || { echo "another build uses $work" >&2; exit 1; }

image() {
    buildah --root "$work/storage" --runroot "$work/run" "$@"
}

# The base image uses this machine's package sources and trusted certificates.
if ! image inspect --type image quotelife-base >/dev/null 2>&1; then
    mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
    rm -rf "$work/base"
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv $release "$work/base" ${mirror:+"$mirror"}
    rm -rf "$work/base/var/cache/apt/archives" "$work/base/var/lib/apt/lists"
    base=$(image from scratch)
    image add --quiet "$base" "$work/base" /
    image commit --quiet --rm "$base" quotelife-base
    rm -rf "$work/base"
fi

trusted="--volume /etc/ssl/certs:/etc/ssl/certs:ro"
if [ -f /etc/pip.conf ]; then
    trusted="$trusted --volume /etc/pip.conf:/etc/pip.conf:ro"
fi
for stage in service venue; do
    # shellcheck disable=SC2086
    image build --isolation chroot --format docker --layers --quiet $trusted --target $stage --tag quotelife-$stage \
        --build-arg BASE=localhost/quotelife-base --build-arg BUILD_PACKAGES="g++ libssl-dev python3-dev" "$root"
done

# --- run it: the service alone, then the whole demo in one container, until clients get quotes

# A chroot shares this machine's /dev/shm, which another service may use: the run folder is a separate one.
memory=$(mktemp -d /dev/shm/quotelife-image.XXXXXX)
sed -e 's#^run = .*#run = "/memory/run"#' -e 's#^data = .*#data = "/srv/quotelife/var"#' \
    "$root/service/quotelife/config/examples/demo.toml" >"$memory/quotelife.toml"
cp "$root/deploy/try-image.py" "$memory/"
chmod -R a+rX "$memory"
chmod 1777 "$memory"
started=
trap 'for name in $started; do image rm "$name" >/dev/null; done; rm -rf "$memory"' EXIT
inside() {
    image run --isolation chroot --volume "$memory:/memory" "$@"
}
for stage in service venue; do
    name=$(image from --pull-never quotelife-$stage)
    started="$started $name"
    echo "Image quotelife-$stage: $(du -sm "$(image mount "$name")" | cut -f 1) MB"
    image umount "$name" >/dev/null
    if [ $stage = service ]; then
        inside "$name" -- quotelife --version
        inside "$name" -- quotelife doctor --config /memory/quotelife.toml
    fi
done
inside "$name" -- python3 /memory/try-image.py
