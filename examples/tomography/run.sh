#!/usr/bin/env bash
# Tracked grains, start to end: simulate a sample (2 minutes on two cores), look at it as tomography would, import,
# measure, draw, report. `bash run.sh RUN` puts the run folder at RUN, runs/tomography where left out.
set -euo pipefail
run=$(realpath -m "${1:-runs/tomography}")
microslip=${MICROSLIP:-microslip}
python=${PYTHON:-python}
cd "$(dirname "$0")"
$microslip simulate sample.toml --into out/sample
$python track.py out/sample out
$microslip import import.toml --into "$run"
for step in stages fields voxels statistics figures report info; do $microslip $step "$run"; done
