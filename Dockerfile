# One image for the API, the workers and the chores; docker-compose.yml shows it at work.
# Weights are not in it: `streetveil models pull` fetches them into /models once (docs/deployment.md).

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/streetveil
# The dependencies alone first: this layer stays until the lock changes.
COPY requirements.txt ./
RUN /opt/streetveil/bin/pip install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/streetveil/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
# Debian's mirrors keep one version of a package only: a pinned one would soon be gone.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libturbojpeg0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin streetveil \
    && install --directory --owner=streetveil --group=streetveil --mode=0755 /data /models
COPY --from=build /opt/streetveil /opt/streetveil
ENV PATH=/opt/streetveil/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    DATA_DIR=/data \
    STREETVEIL_CACHE=/models
USER 10001:10001
WORKDIR /data
EXPOSE 8000
# Of the API; a worker has an endpoint of its own (HEALTH_PORT), see docker-compose.yml.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
CMD ["streetveil", "serve"]
