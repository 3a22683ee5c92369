#!/usr/bin/env bash
# Snakemake runs this once in the conda environment that it made for `--sdm conda`, from the repository's root.
set -euo pipefail
make packages BIN="$CONDA_PREFIX/bin"
