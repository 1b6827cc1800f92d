#!/bin/sh
# From nothing to the embedded model: train, calibrate, export. One thread, fixed seeds.
set -e
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
python train.py --out build
python calibrate.py --build build
python export.py --build build
