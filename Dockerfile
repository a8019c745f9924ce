# quotelife in a container: `docker build -t quotelife .`
#
#   engine    the FIX engine from its official archive, with TLS; 6 to 10 minutes, rebuilt only when its lock changes
#   build     the other dependencies, quotelife, and the compiled kernels
#   runtime   the installation without compilers
#   venue     runtime with the recorded market of the demo (its data are GPL-2.0-or-later)
#   service   runtime; the last stage, so it is built unless another is named
ARG BASE=python:3.11-slim

FROM ${BASE} AS engine
ARG BUILD_PACKAGES="g++ libssl-dev"
# The base image decides the compiler's version.
# hadolint ignore=DL3008,SC2086
RUN set -eux; apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ${BUILD_PACKAGES}; \
    rm -rf /var/lib/apt/lists/*; \
    python3 -m venv /opt/quotelife
ENV PATH=/opt/quotelife/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY deploy/requirements/build.txt deploy/requirements/engine.txt /build/
# Without --no-as-needed the linker drops the TLS library, and the engine cannot be loaded.
RUN set -eux; \
    pip install --require-hashes --no-deps -r /build/build.txt; \
    CFLAGS="-DHAVE_SSL=1 -O1 -g0" LDFLAGS="-Wl,--no-as-needed -lssl -lcrypto" \
        pip install --require-hashes --no-deps --no-build-isolation --no-binary quickfix -r /build/engine.txt; \
    python3 -c "import quickfix; quickfix.SSLSocketAcceptor"

FROM engine AS build
COPY deploy/requirements/source.txt deploy/requirements/sample.txt /build/
RUN set -eux; \
    pip install --require-hashes --no-deps -r /build/source.txt; \
    pip install --require-hashes --no-deps --target /opt/sample -r /build/sample.txt
COPY pyproject.toml README.md LICENSE /build/
COPY service /build/service
COPY models /build/models
COPY fix_config /build/fix_config
WORKDIR /opt/quotelife/lib
# Files that only build or test libraries are removed. The kernel cache depends on the source files' times, which an image
# stores in whole seconds, and on the processor model: the generic one fits every machine.
RUN set -eux; \
    pip install --no-deps --no-build-isolation /build; \
    python3 -m pip uninstall --yes --quiet setuptools wheel pip; \
    rm -rf python3*/site-packages/numba/tests python3*/site-packages/numpy/*/tests; \
    rm -rf python3*/site-packages/pyarrow/include python3*/site-packages/pyarrow/tests; \
    rm -rf python3*/site-packages/pyarrow/src python3*/site-packages/quickfix[45]*.py; \
    find python3*/site-packages -name '__pycache__' -prune -exec rm -r {} +; \
    strip --strip-unneeded python3*/site-packages/_quickfix*.so; \
    find . -name '*.py' -exec touch --date=@1735689600 {} +; \
    python3 -m compileall -q .; \
    NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES='' NUMBA_CACHE_DIR=/opt/quotelife/share/quotelife/kernels \
        python3 -c "from quotelife.runtime.kernel_compilation import ensure; ensure()"

FROM ${BASE} AS runtime
RUN set -eux; \
    useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin quotelife; \
    install -d /srv/quotelife/deploy; \
    install -d -o quotelife -g quotelife /srv/quotelife/var
COPY --from=build /opt/quotelife /opt/quotelife
# For configurations that name these engine settings; where `acceptor.settings` is absent, the package's own are used.
COPY fix_config /srv/quotelife/fix_config
# Written are the data folder (a volume), /dev/shm and /tmp, so the root can be read-only.
ENV PATH=/opt/quotelife/bin:$PATH \
    NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES= NUMBA_CACHE_DIR=/tmp/kernels \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 XDG_DATA_HOME=/srv/quotelife/var
USER 10001:10001
WORKDIR /srv/quotelife
EXPOSE 9880 9464
ENTRYPOINT ["quotelife"]
# /srv/quotelife/quotelife.toml where a desk has mounted one, else the demo configuration, which listens on loopback.
CMD ["serve"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/readyz', timeout=2)"]

FROM runtime AS venue
COPY --from=build /opt/sample /opt/sample
ENV PYTHONPATH=/opt/sample

FROM runtime AS service
