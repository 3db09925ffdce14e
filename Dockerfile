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
# PyTorch without CUDA, which is not on the package index.
RUN pip install --no-cache-dir torch --index-url https://download.pytorch.org/whl/cpu

WORKDIR /source
COPY setup.py pyproject.toml README.md LICENSE ./
COPY options options/
COPY datasets_prep datasets_prep/
COPY hcl_arch hcl_arch/
RUN pip install --no-cache-dir ".[app]"

RUN useradd --create-home visitor
USER visitor
WORKDIR /home/visitor
EXPOSE 7860
CMD ["hcl-app", "--host", "0.0.0.0", "--no-browser"]
