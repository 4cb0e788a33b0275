# syntax=docker/dockerfile:1
# Two images of Earmark. One for any machine (the default), one for machines with an NVIDIA GPU:
#
#   docker build --target cpu --tag earmark:cpu .
#   docker build --target cuda --tag earmark:cuda .
#
# Both run as user 10001 and write to /workspace and /tmp alone, so that the root may be read-only:
#
#   docker run --read-only --tmpfs /tmp --volume birds:/workspace earmark:cpu ready --workspace /workspace

ARG PYTHON_TAG=3.11-slim-bookworm

# the project as a wheel: what is edited most, in a stage that takes seconds
FROM python:${PYTHON_TAG} AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE app.py ./
COPY .streamlit/config.toml .streamlit/config.toml
COPY earmark earmark
COPY labeling labeling
COPY models models
COPY pages pages
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# what it needs comes in layers before it, so that a changed line of code does not fetch gigabytes anew
FROM python:${PYTHON_TAG} AS needed
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/earmark/bin:$PATH
WORKDIR /source
RUN python -m venv /opt/earmark
COPY requirements.txt ./

FROM needed AS needed-cpu
# where PyTorch's builds without CUDA lie; a mirror may be named instead: --build-arg TORCH_INDEX=…
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --index-url "${TORCH_INDEX}" "torch>=2.6,<3" "torchvision>=0.21,<1" \
    && pip install -r requirements.txt \
    && pip install --no-deps aisfx==0.1.2
COPY --from=wheel /wheels /wheels
RUN pip install "$(echo /wheels/*.whl)[postgres,s3]"

FROM needed AS needed-cuda
# PyTorch's usual build brings CUDA's libraries with it; the host needs the NVIDIA driver and its container toolkit
RUN pip install -r requirements.txt \
    && pip install --no-deps aisfx==0.1.2
COPY --from=wheel /wheels /wheels
RUN pip install "$(echo /wheels/*.whl)[postgres,s3]"

FROM python:${PYTHON_TAG} AS base
RUN useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin earmark \
    && install --directory --owner=earmark --group=earmark --mode=0700 /workspace
# caches go where a read-only root lets them, and Python writes no bytecode beside its sources
ENV PATH=/opt/earmark/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    XDG_CACHE_HOME=/tmp/cache \
    NUMBA_CACHE_DIR=/tmp/cache/numba \
    MPLCONFIGDIR=/tmp/cache/matplotlib \
    EARMARK_LOG=json
USER 10001:10001
WORKDIR /workspace
VOLUME ["/workspace"]
EXPOSE 8501
STOPSIGNAL SIGTERM
# of the app; a worker has another: earmark ready --workspace /workspace --worker
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/readyz', timeout=8)"]
ENTRYPOINT ["earmark"]
# beyond 127.0.0.1 it starts only once people have to sign in: docs/deploy.md
CMD ["app", "--workspace", "/workspace", "--address", "0.0.0.0"]

FROM base AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=needed-cuda /opt/earmark /opt/earmark

FROM base AS cpu
COPY --from=needed-cpu /opt/earmark /opt/earmark
