# deployd in a container, as an unprivileged user, with everything it keeps in /data.
#
#   docker build -t deployd .
#   docker run -p 8080:8080 -v deployd:/data --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
#       --security-opt systempaths=unconfined --device /dev/net/tun deployd
#
# The three options let bubblewrap make the sandbox of a build: Docker forbids namespaces and mounts (seccomp, AppArmor)
# and a /proc of one's own (systempaths). Without them builds are refused, and /readyz,
# `deployd status` and the page say so. The device is for builds that do not reach this container's loopback.
#
# Apps are processes of this container: they end with it, and start again from their releases.

FROM python:3.11-slim-bookworm AS package
WORKDIR /src
ENV VIRTUAL_ENV=/opt/deployd/.venv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY pyproject.toml requirements.lock README.md LICENSE deployd.toml ./
COPY packaging/deployd.service packaging/
# Every file that is installed is the one whose hash is in requirements.lock: uv itself, and what deployd needs of the rest.
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.lock \
    && pip install --no-cache-dir --require-hashes -r uv.lock \
    && uv venv "$VIRTUAL_ENV" \
    && uv pip compile --quiet --extra telegram --extra postgres --extra http2 --constraints requirements.lock pyproject.toml -o pins.txt \
    && uv pip install --no-cache --require-hashes --constraints requirements.lock -r pins.txt
COPY deployd deployd
COPY actors actors
COPY sql sql
COPY web web
COPY packaging/hatch_build.py packaging/page.py packaging/
RUN uv pip install --no-cache --no-deps .

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
