#!/usr/bin/env bash
# A YADE run in a periodic cell, start to end: simulate (two minutes of one core), import, measure, draw, report.
# Debian: apt install --no-install-recommends yade. `bash run.sh RUN` puts the run folder at RUN, runs/yade where left out.
set -euo pipefail
run=$(realpath -m "${1:-runs/yade}")
microslip=${MICROSLIP:-microslip}
cd "$(dirname "$0")"
[ -s out/series.txt ] || OMP_NUM_THREADS=1 yade -n -x -j1 shear.py
$microslip import import.toml --into "$run"
for step in stages fields voxels statistics figures report info; do $microslip $step "$run"; done
