# The page of hcl-app, on the processor:
#
#     docker build -t hcl-app .
#     docker run --rm -p 127.0.0.1:7860:7860 hcl-app      then open http://127.0.0.1:7860
#
# It asks nobody for a password, so its port is published to this machine only.
FROM python:3.12-slim

# What opencv-python loads.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 libxcb1 \
    && rm -rf /var/lib/apt/lists/*
# PyTorch's own index has a build without CUDA, 5 GB smaller: --build-arg TORCH_INDEX=ADDRESS, see docs/install.md.
ARG TORCH_INDEX
RUN pip install --no-cache-dir torch ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}

WORKDIR /source
COPY setup.py pyproject.toml README.md LICENSE ./
COPY options options/
COPY datasets_prep datasets_prep/
COPY hcl_arch hcl_arch/
RUN pip install --no-cache-dir ".[app]"

RUN useradd --create-home visitor
USER visitor
WORKDIR /srv
EXPOSE 7860
CMD ["hcl-app", "--host", "0.0.0.0", "--no-browser"]
