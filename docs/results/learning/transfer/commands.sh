# Four packings of one system, 2,063 grains at 2 /s, on each other: what made the tables beside this file. config.toml is that of q1; the others differ in
# the seed alone. One network a run, 20 epochs, one thread.
for seed in 1 2 3 4; do
    microslip simulate configs/quick.toml --into q$seed --set seed=$seed
    for verb in stages fields voxels; do microslip $verb q$seed; done
    microslip train q$seed --set training.epochs=20 --set training.threads=1 --set training.learning_rate=0.001
done
microslip predict q2 --model q1
# fine_tuning.csv; transfer.csv, summary.csv and coverage_by_size.csv as far as the rule is "random"
microslip transfer q1 q2 q3 q4 --into tuned --fine-tune 0.05
# packings.csv, packings_curve.csv; the rest of the tables, rule "leave one out"
microslip transfer q1 q2 q3 q4 --into packings --leave-one-out --fewer
