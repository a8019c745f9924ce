# quotelife in a container, with the prebuilt engine. `docker build -t quotelife .`
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY deploy/requirements/demo.txt /build/
RUN python -m venv /opt/quotelife && /opt/quotelife/bin/pip install --require-hashes -r /build/demo.txt
COPY pyproject.toml README.md LICENSE /build/
COPY service /build/service
COPY models /build/models
COPY fix_config /build/fix_config
RUN /opt/quotelife/bin/pip install --no-deps --no-build-isolation /build

FROM python:3.11-slim
# Compiled kernels are kept by the model of the processor: the generic one fits wherever the image runs.
ENV NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES= NUMBA_CACHE_DIR=/var/lib/quotelife/numba PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home quotelife \
    && install -d -o quotelife /srv/quotelife/var /var/lib/quotelife/numba
COPY --from=build /opt/quotelife /opt/quotelife
COPY fix_config /srv/quotelife/fix_config
# The demo's configuration listens on loopback only: a desk mounts its own over it.
COPY deploy/quotelife.toml /srv/quotelife/deploy/
ENV PATH=/opt/quotelife/bin:$PATH
USER quotelife
WORKDIR /srv/quotelife
EXPOSE 9880 9464
ENTRYPOINT ["quotelife"]
CMD ["serve", "--config", "deploy/quotelife.toml"]
