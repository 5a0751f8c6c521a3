#!/usr/bin/env bash
# A LIGGGHTS shear run, start to end: simulate (3 minutes of one core), import, measure, draw, report.
# Debian: apt install liggghts openmpi-bin. `bash run.sh RUN` puts the run folder at RUN, runs/liggghts where left out.
set -euo pipefail
run=$(realpath -m "${1:-runs/liggghts}")
microslip=${MICROSLIP:-microslip}
cd "$(dirname "$0")"
if [ ! -s out/done ]; then
    mkdir -p out
    # Open MPI refuses root without these; -screen none would crash insert/pack of LIGGGHTS 3.8.0
    OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
        mpirun -np 1 liggghts -in in.shear -nocite > out/screen.txt
    echo yes > out/done
fi
$microslip import import.toml --into "$run"
for step in stages fields voxels statistics figures report info; do $microslip $step "$run"; done
