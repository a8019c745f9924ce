#!/bin/sh
# Builds the image's stages and runs them where no container engine can: buildah in a chroot, on a base made by
# debootstrap. Needs Debian and root, and 15 minutes the first time. What it makes is kept under BUILD_ROOT.
#   sh deploy/build-image.sh         builds, then runs doctor and a short serve with a read-only program folder
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
    buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"
}

# The base takes its packages from where this machine does, and trusts whom it trusts.
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

# --- run it

name=$(image from --pull-never quotelife-service)
trap 'image rm "$name" >/dev/null' EXIT
inside() {
    image run --isolation chroot "$name" -- "$@"
}
echo "Image: $(du -sm "$(image mount "$name")" | cut -f 1) MB"
image umount "$name" >/dev/null
inside quotelife --version
inside quotelife doctor --config deploy/quotelife.toml
echo "Serving for a moment; ready when /readyz says so:"
inside python3 - <<'PROGRAM'
import subprocess, time, urllib.error, urllib.request

started = time.monotonic()
service = subprocess.Popen(["quotelife", "serve", "--config", "deploy/quotelife.toml"])
try:
    while True:
        try:
            with urllib.request.urlopen("http://127.0.0.1:9464/readyz", timeout=2) as answer:
                print(answer.read().decode(), f"after {time.monotonic() - started:.1f} s")
                break
        except urllib.error.HTTPError as answer:
            said = answer.read().decode()
        except OSError as error:
            said = str(error)
        if time.monotonic() - started > 60 or service.poll() is not None:
            raise SystemExit(f"not ready: {said}")
        time.sleep(0.1)
finally:
    service.terminate()
    if service.wait(30) != 0:
        raise SystemExit(f"serve ended with exit code {service.returncode}")
PROGRAM
