# deployd in a container, as an unprivileged user, with everything it keeps in /data.
#
#   docker build -t deployd .
#   docker run -p 8080:8080 -v deployd:/data deployd
#
# Apps are processes of this container: they end with it, and start again from their releases.

FROM python:3.11-slim-bookworm AS package
RUN pip install --no-cache-dir "uv>=0.9"
WORKDIR /src
ENV VIRTUAL_ENV=/opt/deployd/.venv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY deployd deployd
COPY actors actors
COPY sql sql
COPY web web
COPY packaging/hatch_build.py packaging/page.py packaging/
RUN uv venv "$VIRTUAL_ENV" && uv pip install --no-cache --constraints requirements.lock ".[telegram,postgres]"

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        bubblewrap ca-certificates git git-lfs iproute2 nodejs npm openssh-client slirp4netns tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --shell /usr/sbin/nologin deployd \
    && install -d -m 0700 -o deployd -g deployd /data
COPY --from=package /opt/deployd /opt/deployd
COPY packaging/docker.toml /etc/deployd/deployd.toml
ENV PATH=/opt/deployd/.venv/bin:$PATH
USER deployd
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9001/livez', timeout=4)"]
# An init, because processes whose parents ended become children of the first process.
ENTRYPOINT ["tini", "--"]
CMD ["deployd", "serve", "--config", "/etc/deployd/deployd.toml"]
