"""What a run holds of the statistics: correlations, clusters, distributions, and tables by group of stages."""

from __future__ import annotations

from microslip.data.artifact import files, line
from microslip.data.contents_measured import SHOWING
from microslip.statistics.claims import BESIDE
from microslip.statistics.free_volume import COMPARISONS
from microslip.statistics.registry import STATISTICS as OF_STAGES

# What tells a group of stages.
_GROUP = """
    group | | name
    kind | | `stick` or `slip`
    by | | `kind`: all of them; `bin`: a bin of the size of the fluctuation
    low high | p | limits of the size of the fluctuation
    n_stages | | stages in the group
    mean_fluctuation | p | mean over its stages
"""

_OF = """    of | | `raw`; `profile`, with the profile in z subtracted; `in_plane`, the latter along planes of flow
"""

_DENSITY = """
    grains | | `all` or `active`
    x | | middle of the bin
    n | | grains in it
    density standard_error | | pdf, and its standard error as if grains were independent
"""


def _measured() -> str:
    """The lines of what is measured of the grains of each stage."""
    return "".join(
        line(name, "stage", of.dtype, of.unit, of.title) for name, of in OF_STAGES.items() if of.measure is not None
    )


def _followed() -> str:
    """The lines of what is followed by size of the fluctuation."""
    return "".join(line(name, of.unit, of.title) for name, of in OF_STAGES.items() if of.followed)


def _beside() -> str:
    """The lines of the slopes of other grains, and of the difference from them."""
    return "".join(
        f"    {name} {name}_low {name}_high less_{name} less_{name}_low less_{name}_high | | conditioned slope of "
        f"{meaning}, and that of the difference from it\n"
        for name, meaning in BESIDE.items()
    )


def _compared() -> str:
    """The lines of the growth of free volume by what active grains are compared with."""
    return "".join(line(name, "stage lag", "float64", "d**3", meaning) for name, meaning in COMPARISONS.items())


_SLOPES = """    {0} {0}_low {0}_high | | per decade of |Δs|, without regard to Δγ, with its interval
    conditioned conditioned_low conditioned_high | | the same at fixed Δγ, by regression on both logarithms
    of_length of_length_low of_length_high | | per decade of Δγ at fixed |Δs|
    matched matched_low matched_high | | per decade of |Δs| within bins of Δγ
"""

_VERDICTS = """    verdict plain_verdict corrected_verdict | | `yes`, `no`, `not contradicted`, `not decided` or `not \
        measured`: at equal |Δs| or Δγ; without regard to it; and the first among so many claims
    reason | | why nothing was decided
    p_value p_holm | | of nothing, at equal |Δs| or Δγ, and after Holm
    detectable | | what is found in 80 % of such runs
    n_blocks block_strain | | blocks that the intervals rest on, and their strain
"""


STATISTICS = (
    *files(
        "statistics",
        f"""
statistics/correlation.zarr: C(r) of every stage
    r | r | float64 | d | bin centre
    correlation | stage r | float64 | | C(r)
    correlation_profile | stage r | float64 | | C(r) with the profile in z subtracted
    correlation_in_plane | stage r | float64 | | the same of pairs near one plane of flow, r within it
statistics/clusters.zarr: clusters of active grains of every stage, and means over grains
    label | stage grain | int32 | | the grain's cluster from 1, the largest; 0 where not active
    size | stage cluster | int32 | | grains in each cluster, falling; 0 beyond the last
    radius | stage cluster | float32 | d | radius of gyration, along axes that it wraps around of the nearest copies
    log_moments log_moments_height log_moments_random log_moments_layered | stage moment | float64 | | n, Σx, Σy, Σx², \
        Σxy, Σy² of x = ln N, y = ln R_g
{_measured()}statistics/distributions.zarr: histograms of every stage; bin edges in the attributes
    energy_all energy_active | stage energy_bin | int32 | | grains by ΔE over the mean size of ΔE in the stage's bin
    packing_all packing_active | stage packing_bin | int32 | | grains by φ_local
    tails_all tails_active | stage moment | float64 | | n; n and Σ|x| beyond the core and far out, positive and \
        negative, of x = ΔE over its mean size
""",
        SHOWING,
    ),
    *files(
        "statistics",
        f"""
statistics/free_volume.zarr: growth of the free volume of active grains beside that of others, of every stage; of runs \
    with Voronoi cells
    lag | lag | float64 | | stages from the start of the stage to the frame: below 0 before it, above 0 after it; ½ is \
        the middle of a stage with frames inside
{_compared()}    strain | stage lag | float64 | | γ of that frame less that at the start of the stage
statistics/free_volume.csv: means of it, one row per group, lag and comparison
{_GROUP}    lag | | as in `statistics/free_volume.zarr`
    strain | | mean γ of that frame less that at the start of the stage
    comparison | | an array of `statistics/free_volume.zarr`
    value value_low value_high | d**3 | growth of the free volume from the earlier frame to the later one, of active \
        grains less that of others, with its interval; at lag 0 the free volume itself
    n_known | | stages that the value rests on
""",
        SHOWING,
    ),
    *files(
        "statistics",
        f"""
statistics/stages.csv: every quantity of `evolution.csv` of each stage alone
    stage cycle kind | | as in `stages.csv`
    strain_increment | | as in `stages.csv`
    fluctuation | p | as in `stages.csv`
    below_floor | | as in `fields.zarr`
{_followed()}""",
        ("ablate", *SHOWING),
    ),
    *files(
        "statistics",
        f"""
statistics/correlation.csv: C(r) of groups of stages, one row per group, `of` and r
{_GROUP}{_OF}    r | d | bin centre
    correlation standard_error | | mean over stages, and its standard error
statistics/correlation_length.csv: ξ of groups of stages, one row per group and `of`
{_GROUP}{_OF}    xi xi_low xi_high | d | ξ and its interval, as in `evolution.csv`
    fit_low fit_high | d | interval of the fit alone
    amplitude exponent | | A and m
    r_min r_max | d | first and last bin of the fit
    reason | | why there is no ξ | where a group has none
statistics/correlation_sensitivity.csv: ξ under other prefactors and fit ranges, one row per group, `of` and choice
{_GROUP}{_OF}    exponent | | of the prefactor
    r_min r_max | d | first and last bin of the fit
    xi fit_low fit_high | d | ξ and the interval of the fit
    reason | | why there is no ξ
statistics/evolution.csv: one row per group and quantity
{_GROUP}    quantity | | a column of `statistics/stages.csv`
    value value_low value_high | | in the unit of the quantity, with its interval
    fixed fixed_low fixed_high | | the same at the mean log Δγ of all stages of the kind, moved along the slope on it
    n_known | | stages that the value rests on
statistics/memory.csv: the strain over which the stress and the statistics remember themselves
    series kind | | `stress`, or a quantity from stage to stage of a kind; `band_…`: how long a band stays
    n | | values
    memory | | first strain at which the autocorrelation is that of chance
statistics/conditioned.csv: slopes through cells of |Δs| and Δγ, one row per quantity and kind
    quantity kind | | as in `evolution.csv`
    n_stages n_cells | | that have a value
{_SLOPES.format("plain")}    variance_inflation | | 1/(1 − R²) of log |Δs| by log Δγ
statistics/claims.csv: how a quantity changes with |Δs|, one row per quantity and kind
    section | | of the paper
    quantity kind | | as in `evolution.csv`
    claim | | what the paper says
{_VERDICTS}    n_stages n_cells | | as in `conditioned.csv`
{_SLOPES.format("slope")}    variance_inflation | | as in `conditioned.csv`
    change change_low change_high | | from the first bin to the last, relative, without regard to Δγ, with its interval
{_beside()}statistics/contrasts.csv: slips beside sticks, one row per quantity
    section | | of the paper
    quantity claim | | as in `claims.csv`
{_VERDICTS}    stick slip | | means
    difference difference_low difference_high | | of all stages, with its interval
    matched matched_low matched_high | | the same in cells of |Δs| and Δγ, with its interval
    overlap | | share of the stages that lie in cells with both kinds
    rank_p_value | | of the test of Mann and Whitney
statistics/avalanches.csv: laws of slips, one row per threshold, quantity and start of the law
    quantity | | `size`, `duration` or `energy`
    threshold | p | of the slips
    x_min | | start of the law, in `unit`
    unit | | of the quantity
    n decades | | slips from x_min up, and from there to the largest
    exponent exponent_low exponent_high | | τ of x^−τ exp(−x/cutoff), with its interval
    cutoff cutoff_low cutoff_high | | in `unit`, with its interval
    mean_field loss mean_field_p | | τ of mean field, the log-likelihood that it costs, and its p-value
statistics/avalanche_numbers.csv: how sizes go with durations, and whether slips come at random
    quantity meaning | | which number, and what it is
    value value_low value_high | | with its interval
    expected | | of mean field, or of slips at random
statistics/avalanche_shapes.csv: mean rate of the fall over the course of a slip, by duration
    group n | | from the shortest slips, and slips in it
    duration | | its median, in s, or in strain where no rate is known
    u | | middle of the part, as share of the duration
    rate rate_low rate_high | | over its mean, with its interval
    parabola | | mean field's
    asymmetry asymmetry_low asymmetry_high | | ∫ u f du − ½ of the group, with its interval
statistics/power_law.csv: P(N) ~ N^−η, one row per group and rule for the smallest size
{_GROUP}    x_min_rule | | `searched` or `fixed`
    reason | | why there is no η
    eta standard_error | | by maximum likelihood
    x_min n_tail | | smallest size, and clusters from there on
    ks_distance | | of Kolmogorov and Smirnov
    log_log_eta | | η of the line through the log-log plot
    lognormal_ratio lognormal_p_value | | likelihood ratio against a lognormal
    truncated_ratio truncated_p_value | | likelihood ratio against a truncated power law
    truncated_exponent truncated_rate | | of the truncated power law
statistics/cluster_sizes.csv: sizes of clusters, one row per group and size
{_GROUP}    size | | grains
    n_clusters | | clusters of that size
    probability | | their share
    n_shaped | | clusters with a radius of gyration
    radius | d | geometric mean of R_g
    log_radius_deviation | | standard deviation of ln R_g
statistics/percolation.csv: how many grains must be active before a cluster wraps around the cell, one row per kind, \
    choice of active grains, axis and fraction
    kind | | of the stages
    active | | `d2min`, the largest D²min; `height`, over its mean at their height; `random`; `layered`, permuted \
        within layers of height
    axis | | that a cluster wraps around
    fraction share | | active fraction, and the share of the stages in which a cluster wraps at it
    n_stages | | stages with a threshold
    threshold deviation | | mean over stages of the smallest fraction at which a cluster wraps, and its standard \
        deviation
statistics/energy_density.csv: pdf of ΔE over its mean size, one row per group, grains and bin
{_GROUP}{_DENSITY}statistics/packing_density.csv: pdf of φ_local, one row per group, grains and bin
{_GROUP}{_DENSITY}statistics/energy_tails.csv: tails of the pdf of ΔE, one row per group, grains and side
{_GROUP}    grains | | `all` or `active`
    side | | `gain` or `loss`
    decay standard_error | | of the exponential tail
    share | | of the grains that lie in it
    far_decay | | decay of its far part
    evenness | | far decay over decay, 1 of an exponential
    reason | | why there is no decay | where a group has none
statistics/pair_correlation.csv: g(r) of the bulk grains
    r | d | bin centre
    g | | g(r)
statistics/pair_correlation.json: peak and minima of g(r)
    frames | | number of frames
    bin_width peak first_minimum second_minimum | d | distances; empty where there is none
statistics/within_stages.csv: non-affine motion on the way through large slips and the sticks before them, one row per \
    kind and part; of runs with frames inside stages
    kind | | `stick` or `slip`
    low high | | ends of the part, as shares of the strain of the stage
    speed speed_error | d | √⟨D²min⟩ from frame to frame over the strain between them, geometric mean over stages; its \
        standard error, empty with fewer than 5 blocks
    relative relative_error | | that speed over its mean over the stage, mean over stages; its standard error
    n_stages | | stages with a piece there
statistics/walls.csv: changes of the walls' stress over a stage, one row per size of the stage; only with walls
    low high | p | of |Δs|
    n_stages | | in the stress that is cut into stages
    same_sign | | share of the stages in which both walls change in one direction
    correlation | | of the volume's change with that of the mean of both walls; empty of fewer than three stages
statistics/profiles.csv: profiles over the height, one row per window of strain and layer
    window | | from 0
    start_strain end_strain | | of the window
    low high | | z/H of the layer's planes
    velocity | | u/U, mean velocity along x beside that of the top wall, over that of the bottom wall
    departure | | u/U less 1 − z/H at the middle of the layer
    solid_fraction | | volume of the bulk grains in the layer, spheres sliced by its planes, over its own
    log_d2min | | mean over stages of the layer's median of log₁₀(D²min/d̄²)
    active | | share of all active grains that lie in the layer
statistics/profile_windows.csv: what the criterion of a homogeneous flow is held against, one row per window
    window | | as in `statistics/profiles.csv`
    start_strain end_strain | | of the window
    departure | | largest size of it in a layer
    quarter_1 quarter_2 quarter_3 quarter_4 | | share of the active grains in each quarter of the height, from below
    quarter_error | | largest standard error of these shares, by the scatter between stages
    n_frames n_stages | | frames and stages looked at
statistics/profiles.json: whether the flow is homogeneous and steady
    first_strain last_strain | | ends of the steady state
    window | | strain of a window
    n_windows n_beyond | | windows, and those beyond a limit
    departure least_quarter most_quarter | | extremes over all windows
    least_mean_quarter most_mean_quarter | | extremes of the quarters' means over all windows
    quarter_error | | largest over all windows
    drift drift_error | | change of the solid fraction in 0.1 of strain, and its standard error
    homogeneous steady | | `yes`, `no` or `not decided`
""",
        SHOWING,
    ),
)
