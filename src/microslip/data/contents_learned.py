"""What a run holds of its networks: the model, attributions, interpretation, ablations and the search of settings."""

from __future__ import annotations

from microslip.data.artifact import files
from microslip.data.contents_measured import NODES, SHOWING

_OF_A_SET = """
    r2 | | R² over all stages of the set
    r2_low r2_high | | its 90 % bootstrap interval over cycles
    r2_stick r2_slip | | R² within each kind
    rmse bias | p | root mean square and mean of predicted less true
    sign_accuracy | | share of stages whose sign is right
    sign_accuracy_low sign_accuracy_high | | its interval
    spearman | | rank correlation
    log_error | | mean of |log₁₀(|p|/|t|)| over stages of right sign
    slope | | of the line of the true on the predicted: 1 where calibrated
    intercept | p | of that line: 0 where calibrated
    n | | stages
"""

_PAIRED = """\
    less_than_network | | R² of the network less this one, on the same stages | the baselines
    less_than_network_low less_than_network_high | | its 90 % paired bootstrap interval over blocks of cycles | \
        the baselines
"""

MODEL = (
    *files(
        "train",
        """
model/checkpoint.pt: the network of the random split
model/predictions.csv: one row per stage and split rule
    stage | | as in `stages.csv`
    rule | | split rule
    split | | set that the stage belongs to under this rule; stages of the guard have no row
    target | p | fluctuation
    prediction | p | of the network
    mean_d2min d2min_quantiles strain_increment ridge_voxels | p | of the baselines
    spread | p | standard deviation over the ensemble; empty of a single network
    low high | p | ends of the 90 % interval
""",
        ("explain", "ceiling", *SHOWING),
    ),
    *files(
        "train",
        f"""
model/checkpoint_NAME.pt: that of the blocked split, and further members of an ensemble
model/history.csv: one row per epoch of every training
    epoch | | number, from 0
    train_loss | | mean of what training.loss makes small, in units of the scaled target
    validation_loss | | mean squared error in units of the scaled target, whatever training.loss is; chose the epoch
    validation_r2 | | R² of the fluctuations themselves, which compares losses and targets alike
    learning_rate | | at the end of the epoch
    seconds | | that the epoch took
    member | | of the ensemble, from 0
    rule | | split rule
model/metrics.json: scores by split rule, method and set
{_OF_A_SET}{_PAIRED}    coverage | | share of stages inside the 90 % interval | the network
    interval_width | p | median width of that interval | the network
    coverage_of_spread | | share inside ±1.645 spreads of the ensemble; empty of a single network | the network
model/sign_by_size.csv: how often the sign is right, by size of the fluctuation
    rule split | | split rule and set
    size_low size_high | p | limits of the size of the fluctuation
    n | | stages
    sign_accuracy | | share whose sign is right
    low high | | its 90 % Wilson interval
    median_error | | median of |p − t|/|t|
model/coverage_by_size.csv: how often stages lie inside their 90 % interval, in tenths of each set by size
    rule split | | split rule and set
    by | | `prediction` or `target`: whose size
    size_low size_high | p | smallest and largest size of the tenth
    n | | stages
    coverage | | share inside
    low high | | its 90 % Wilson interval
    width | p | median width of the intervals
model/calibration.csv: the true on the predicted, in ten bins of the prediction
    rule split | | split rule and set
    predicted true standard_error | p | means of the bin, and the standard error of the true
    n | | stages
model/errors.csv: histogram of predicted less true
    rule split | | split rule and set
    error_low error_high | p | limits of the bin
    n | | stages
    density | 1/p | probability density
""",
        SHOWING,
    ),
)

ATTRIBUTIONS = files(
    "explain",
    f"""
attributions.zarr: one value per explained stage and node
    attribution | stage x y z | float64 | p | share of the prediction, summed over the network's inputs; the sum over \
        nodes is prediction minus that of the baseline
    completeness_error | stage | float64 | | |Σ attribution − ΔF|/|ΔF|
    n_steps | stage | int32 | | points on the path
    stage | stage | int64 | | stage number: the rows of `stages.csv` that were explained
{NODES}""",
    SHOWING,
)

INTERPRETATION = files(
    "explain",
    """
interpretation/events.csv: one row per network, stage and field
    network | | `trained`, `untrained` (random weights), `shuffled` (trained on fluctuations in random order) or \
        `input` (no network: the scaled input less the baseline)
    stage | | as in `stages.csv`
    field | | `signed`, the attribution as it is, or `size`, its absolute value
    xi_d2min xi_attribution | d | lengths on nodes; empty where none can be fitted
    share_active | | share of |attribution| at the most active nodes
    ratio_active | | its mean there over that elsewhere
interpretation/correlation.csv: mean C(r) of D²min and of the attribution, by group of stages
    network field group kind | | as in `events.csv` and `statistics/correlation.csv`
    r | d | distance
    c_d2min c_attribution | | mean C(r) of the group's stages
interpretation/ellipses.csv: lengths of D²min and of the attribution, by group of stages
    network field group kind | | as in `correlation.csv`
    mean_fluctuation | p | mean over the stages
    n | | stages
    xi_d2min xi_attribution | d | lengths of the mean C(r)
    mean_xi_d2min mean_xi_attribution | d | means of the stages' own lengths
    var_d2min covariance var_attribution | d**2 | of the stages' own lengths
interpretation/claim.csv: whether both lengths agree, one row per network and field
    network field | | as in `events.csv`
    n n_stages | | stages with both lengths, and all
    ratio | | median of ξ_Attr/ξ_D
    low high | | its 90 % bootstrap interval
    spearman | | rank correlation of both lengths over stages
    share_active ratio_active | | means over stages
interpretation/layers.csv: the attribution while layer after layer is made random
    n_layers | | layers made random, from the output
    last_layer | | the last of them
    spearman | | rank correlation of |attribution| with the trained network's, mean over stages
    deviation | | its standard deviation
    n | | stages
interpretation/methods.csv: other methods of attribution beside Integrated Gradients
    stage | | as in `stages.csv`
    method | | `expected` (Expected Gradients), `smoothgrad`, `occlusion` or `input`
    spearman_of_sizes spearman | | rank correlation with Integrated Gradients, of sizes and of signed values
interpretation/expected.csv: Expected Gradients, whose paths start at stages of the training set, and their errors
    stage | | as in `stages.csv`
    difference sum | p | prediction less the mean prediction of the starts, and the sum of the attribution
    sum_error | p | standard error of that sum against that difference, of the draw of points
    node_error | | root mean square of the nodes' standard errors over that of their shares
    repeatability | | rank correlation of sizes between the two halves of the starts
interpretation/deletion.csv: what is left of the prediction while nodes are set to the baseline
    mode | | `deletion` or `insertion`
    order | | order of the nodes: `attribution`, that of `expected` gradients and of the nulls `untrained` and \
        `shuffled`, all with sign; `size of attribution`; `d2min`; `input`, the size of the input less the baseline; \
        `random`
    fraction | | share of nodes replaced
    low median high | | quartiles of the share of the prediction that is left
    n | | stages, those furthest from the baseline's prediction
interpretation/replacement.csv: what is left while nodes take the values that stages of the training set have there
    mode order fraction | | as in `deletion.csv`
    low median high n | | as in `deletion.csv`; mean predictions over the stages that stand in
interpretation/areas.csv: areas under the curves of both tables, stage by stage
    replacement | | `stages` or `baseline`
    mode order n | | as in `deletion.csv`
    area area_low area_high | | median over stages, and its 90 % bootstrap interval
    than | | order that it is compared with
    more more_low more_high | | median of the difference of both areas, and its 90 % bootstrap interval
interpretation/at_clusters.csv: attributions at nodes whose nearest grain is in a cluster, by network, stage and control
    network stage | | as in `events.csv`
    clusters | | `all` of `clusters.smallest` grains or more, those that are `wrapping` around the cell, or `bounded`
    control | | nodes in no cluster: any (`number`), of equal `height`, or of equal D²min (`amplitude`)
    share_nodes share_size share_signed | | the clusters' shares of the nodes, of Σ|A| and of Σ A
    share_matched | | share of their nodes with a counterpart
    ratio | | mean |A| in the clusters over that of the counterparts
    excess | | mean A there less that of the counterparts, over the mean |A| of all nodes; positive speaks for the \
        prediction
interpretation/clusters.csv: medians of `at_clusters.csv` over stages
    network clusters control | | as in `at_clusters.csv`
    n | | stages with a ratio
    share_nodes share_size share_signed share_matched | | medians
    ratio ratio_low ratio_high | | median, and its 90 % bootstrap interval
    excess excess_low excess_high | | median, and its 90 % bootstrap interval
    trained_over trained_over_low trained_over_high | | median of the trained network's ratio over this one, and its \
        90 % bootstrap interval
""",
    SHOWING,
)

ABLATIONS = files(
    "ablate",
    f"""
ablations/ablations.csv: one row per line, split rule and seed, with the scores of `metrics.json` on the test set
    family value | | what is changed, and to what
    rule seed | | split rule and seed
    n_train | | stages of the training set
{_OF_A_SET}    r2_train | | R² on the training set
    nodes | | of the grid | lines with a network
    epochs | | of the training | lines with a network
    restarts | | trainings before it with other seeds, which were stuck: one number predicted for all training stages
    stuck | | 1 where it is stuck too
ablations/summary.csv: one row per line and split rule: means over seeds
    family value rule | | as in `ablations.csv`
    seeds | | number of seeds
    n_train | | stages of the training set
    r2 r2_low r2_high sign_accuracy r2_stick r2_slip r2_train | | means over seeds
    r2_spread | | standard deviation over seeds
    restarts stuck | | numbers of trainings begun anew, and of those that ended stuck
    less_than_full | | R² of the full input less this one
ablations/learning_curve.csv: R² = R²∞ − a n^−b over training shares, one row per split rule
    rule | | split rule
    n_sizes seeds | | numbers of training stages, and the fewest seeds of any
    n_most | | stages of the whole training set
    r2_most | | its mean R² over seeds
    r2_limit r2_limit_low r2_limit_high | | R²∞ with its 90 % interval over seeds; empty of fewer than three sizes
    exponent | | b
    determined | | whether that interval is narrower than 0.2
""",
    SHOWING,
)

_BY_SIZE = """\
assessment/sign_by_size.csv: how often the sign is right, by size of the fluctuation: means over seeds
    rule fold method | | as in `scores.csv`
    seeds | | networks
    size_low size_high | p | limits of the size of the fluctuation
    n | | test stages
    sign_accuracy sign_spread | | share whose sign is right, and its standard deviation over seeds
    low high | | its 90 % Wilson interval
    median_error | | median of |p − t|/|t|
assessment/coverage_by_size.csv: how often stages lie inside their 90 % interval, in tenths by size: means over seeds
    rule fold method | | as in `scores.csv`: `network` or `ensemble`
    seeds | | networks
    by | | `prediction` or `target`: whose size
    size_low size_high | p | smallest and largest size of the tenth
    n | | stages
    coverage coverage_spread | | share inside, and its standard deviation over seeds
    low high | | its 90 % Wilson interval
    width | p | median width of the intervals
"""

ASSESSMENT = files(
    "assess",
    f"""
assessment/predictions.csv: one row per test stage, line and seed
    rule fold | | `random` or `blocked` with the fold 0, or `rolling` with the fold from 1 on
    seed | | of the network
    stage | | as in `stages.csv`
    target | p | fluctuation
    network low high | p | its prediction, and the ends of the 90 % interval
    ensemble ensemble_low ensemble_high | p | mean of the networks, and its interval, the same for all seeds
    mean_d2min d2min_quantiles strain_increment ridge_voxels | p | of the baselines, the same for all seeds
assessment/scores.csv: one row per line, method and seed, with the scores of `metrics.json` on the test stages
    rule fold | | as in `predictions.csv`; `rolling` with the fold 0 is all folds together
    method | | `network`, `ensemble` or a baseline
    seed | | of the network; the first one for what is the same for all
{_OF_A_SET}assessment/summary.csv: one row per line and method: means over seeds
    rule fold method | | as in `scores.csv`
    seeds n | | networks, and test stages
    r2 r2_low r2_high sign_accuracy | | means over seeds
    r2_spread | | standard deviation over seeds
    n_above sign_above | | stages of `assessment.above` or more, and the share of them whose sign is right
    n_intervals | | stages with an interval: with fewer than nine to validate a fold has none | networks
    coverage | | share of these inside the 90 % interval | networks
    coverage_least coverage_most | | the smallest and largest in tenths by predicted size | networks
    less_than_network | | mean R² of the network less this one, on the same stages
    less_than_network_low less_than_network_high | | its 90 % paired bootstrap interval over blocks of cycles
{_BY_SIZE}""",
    SHOWING,
)

CEILING = files(
    "ceiling",
    """
ceiling/numbers.csv: numbers of every stage that physical predictors know
    stage | | as in `stages.csv`
    strain_increment | | as in `stages.csv`
    shear volume normal | | means over bulk grains of the local strain: ε_xz, a third of the trace, ε_xx − ε_zz
    shear_1 shear_2 shear_3 shear_4 volume_1 volume_2 volume_3 volume_4 | | the first two over quarters of the grains, \
        from the lowest up
    yielding_shear yielding_volume yielding_normal | | over the tenth of largest D²min, less the mean
    distortion | | mean von Mises strain
    motion | d | root of the mean D²min
    hertz | p | start less end of the shear stress of Hertz' normal forces of the overlaps | elastic constants known
ceiling/predictions.csv: one row per test stage and split rule
    rule stage | | as in `model/predictions.csv`
    target | p | fluctuation
    network | p | of `model/predictions.csv`
    mean_d2min d2min_quantiles strain_increment ridge_voxels | p | of its baselines
    neighbours | p | mean of the training stages with the most similar fields
    elastic | p | straight line in `numbers.csv` without `hertz`
    hertz | p | straight line in `hertz` | elastic constants known
    hertz_elastic | p | straight line in all of these | elastic constants known
ceiling/scores.csv: how well each method predicts, of all test stages and of thirds by size
    rule | | split rule
    method | | column of `predictions.csv`
    group | | `all`, or the `small`, `middle` or `large` third of the run's stages by size
    n | | test stages
    r2 | | R²; of a third 1 − Σ(t − p)²/Σt²
    r2_low r2_high | | its 90 % bootstrap interval over cycles
    sign_accuracy | | share whose sign is right
""",
    SHOWING,
)

REPLICAS = files(
    "replicas",
    """
replicas/stages.csv: the stages of a stretch beyond the run's end that were done again
    stage | | its number in that stretch
    kind | | stick or slip
    start_strain end_strain strain_increment | | as in `stages.csv`
    start_stress fluctuation | p | as in `stages.csv`
    weight | | stages of its kind that it stands for
replicas/replicas.csv: one row per replica, the stage itself first
    stage | | as in `replicas/stages.csv`
    perturbation | d | of every component of every grain's place at the start; 0 of the stage itself
    copy | | number of the replica, from 0
    fluctuation | p | from the one start to the one strain at the end
    distance | d | rms over bulk grains, from where they are in the stage itself, at the end
    field_difference | | mean over grains of the square of log₁₀ of D²min over that of the stage itself
    mean_d2min | d**2 | mean over bulk grains
    mean_shear_strain mean_volumetric_strain | | xz component of the local strain, half of −γ in \
        simple shear, and a third of its trace; means
replicas/twins.csv: one row per pair of replicas of a stage
    stage | | as in `replicas/stages.csv`
    first second | | rows of the stage in `replicas.csv`, from 0
    perturbation | d | of both, or of the one that is perturbed; empty where two differ in it
    half_square | p**2 | half the square of the difference of their fluctuations: its mean is their variance
    field_difference | | as in `replicas.csv`, between the two
replicas/ceiling.csv: upper bounds of R²
    bound | | `same_start`, `nearest_twin` or `same_field`
    perturbation | d | empty where all are taken
    group | | `all`, or the `small`, `middle` or `large` third of the stages by size
    noise | p | root of the mean variance that is left
    share | | of the variance from one start that is left at equal fields
    r2 | | 1 less that variance over that of all stages, or over a group's mean square
    r2_low r2_high | | its 90 % bootstrap interval over stages
    n_stages n_pairs | | stages, and pairs of replicas
""",
    SHOWING,
)

SEARCH = files(
    "search",
    """
search/trials.csv: one row per trial, with a column for each setting tried
    number | | of the trial
    state | | `complete` or `pruned`
    validation_loss | | smallest of the trial, in squared units of the scaled target
    epochs | | that it took
search/best.json: the best complete trial
    number | | of the trial
    validation_loss | | as in `trials.csv`
    settings | | the settings of the trial
search/study.db: Optuna's own record
""",
)
