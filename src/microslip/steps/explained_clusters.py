"""The nodes in clusters of active grains of the stages that are explained, and what their attributions say."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.grids.nearest import nearest_grains
from microslip.statistics.attribution_clusters import nodes_in_clusters
from microslip.statistics.statistic import stage_grains
from microslip.steps.frames import check_grains, read_starts

Inside = dict[str, np.ndarray]


def cluster_reader(run: Run, config: Config, nodes: np.ndarray) -> Callable[[int], Inside]:
    """A function from a stage's number to the nodes in its clusters, the same clusters as those of the statistics.

    Raises
    ------
    MicroslipError
        Grains and frames that do not belong together; the function, a stage that has no clusters.
    """
    check_grains(run)
    diameter, d2min, onto = run.grains["diameter"].to_numpy(), run.fields["d2min"], run.box
    reach = float(run.voxels.attrs["radius"])

    def inside(stage: int) -> Inside:
        (start,) = read_starts(run, slice(stage, stage + 1))
        values = d2min[stage].to_numpy()
        try:
            grains = stage_grains(start.position, start.box, diameter, lambda name: values, config.clusters, stage)
        except MicroslipError as problem:
            raise MicroslipError(f"stage {stage}: {problem}") from None
        nearest = nearest_grains(start.position, grains.measured & start.here, start.box, nodes, onto, reach)
        return nodes_in_clusters(nearest, grains.clusters, config.clusters.smallest)

    return inside


def describe_clusters(claims: pd.DataFrame) -> Iterator[str]:
    """What the nodes in clusters hold of the attribution, and what is left of it at equal D²min."""
    rows = claims[claims["clusters"] == "all"].set_index(["network", "control"])
    for network in ("trained", "shuffled"):
        if (network, "amplitude") not in rows.index:
            continue
        any_node, alike = rows.loc[(network, "number")], rows.loc[(network, "amplitude")]
        yield (
            f"{network}, in clusters: {any_node['share_size']:.0%} of the attribution's size on"
            f" {any_node['share_nodes']:.0%} of the nodes, {any_node['ratio']:.2f} times that of other nodes and"
            f" {alike['ratio']:.2f} [{alike['ratio_low']:.2f}, {alike['ratio_high']:.2f}] times that of others of equal"
            f" D²min, which {alike['share_matched']:.0%} of them have"
        )


def clusters_or_none(run: Run, config: Config, nodes: np.ndarray) -> tuple[Callable[[int], Inside] | None, str]:
    """`cluster_reader`, or None and the reason where the run's grains have no clusters, as tried on the first stage."""
    try:
        read = cluster_reader(run, config, nodes)
        read(0)
    except MicroslipError as problem:
        return None, str(problem)
    return read, ""
