#!/bin/sh
# Controls of section 3.3 of paper.md, on copies of systems of runs/paper_study.
set -eu
mkdir -p runs/longer runs/coarse
cp -r runs/paper_study/base runs/fewer_stages
cp -r runs/paper_study/friction-0.1 runs/paper_study/friction-0.3 runs/longer
cp -r runs/paper_study/base runs/paper_study/friction-0.9 runs/coarse

# the base with as few stages to train on as friction-0.3 has
microslip ablate runs/fewer_stages --set training.epochs=20 --set 'ablation.variants=["full"]' \
    --set 'ablation.spacings=[]' --set 'ablation.radii=[]' --set 'ablation.cell_shares=[]' \
    --set 'ablation.training_shares=[0.48, 0.24]' --set ablation.baselines=false

# low friction with more stages
for system in friction-0.3 friction-0.1; do
    microslip simulate runs/longer/$system --set loading.strain=2.0
    microslip stages runs/longer/$system
    microslip fields runs/longer/$system
    microslip voxels runs/longer/$system
    microslip assess runs/longer/$system --set training.epochs=20 --set assessment.seeds=3 --set assessment.folds=0
done

# stages that last several samples
for system in friction-0.9 base; do
    microslip stages runs/coarse/$system --set stages.threshold=1e-3
    microslip fields runs/coarse/$system
    microslip voxels runs/coarse/$system
    microslip train runs/coarse/$system --set training.epochs=20
done
