"""The cell that a network learns from: what it allows, and what must be the same where the network is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.grids.config import Voxels
from microslip.learn.networks.registry import NETWORKS
from microslip.steps.common import Say

# What makes a cell another one, in the order in which it is told.
PARTS_OF_A_CELL = ("grains", "cell", "loading", "stages", "voxels")


@dataclass(frozen=True)
class Difference:
    """A setting of the cell that a network learnt from, `there`, which is another one of this run, `here`."""

    part: str
    key: str
    there: Any
    here: Any

    def __str__(self) -> str:
        return f"{self.part}.{self.key} = {self.there} there, {self.here} here"


def fit_to_cell(run: Run, config: Config, say: Say | None = None) -> Config:
    """The settings of the training that this run's cell allows: shifts are symmetries of cells that repeat alone.

    Raises
    ------
    MicroslipError
        The fluctuations are not known; a network that takes the cell to repeat, for one that does not.
    """
    if run.stages["fluctuation"].isna().all():
        raise MicroslipError(
            f"{run.folder} knows no stress, so there is no fluctuation to learn: import it with a series of the stress"
        )
    if config.source is not None and config.training.augment and config.training.rotate:
        if say is not None:
            say(
                "nothing tells whether the imported cell is sheared alike from top and bottom, without gravity: stages"
                " are not rotated for the training (training.rotate = false)"
            )
        config = config.model_copy(update={"training": config.training.model_copy(update={"rotate": False})})
    if run.box.repeats_across:
        return config
    if NETWORKS[config.network.kind].repeats:
        raise MicroslipError(
            f"network.kind = {config.network.kind} takes the cell to repeat in x and y, and this one does not: use"
            " network.kind = plain"
        )
    if config.network.closed:
        raise MicroslipError("network.closed repeats nodes along x and y, and this cell does not: leave it out")
    if config.training.augment and say is not None:
        say("the cell does not repeat in x and y: stages are not shifted for the training (training.augment = false)")
    return config.model_copy(update={"training": config.training.model_copy(update={"augment": False})})


def describe_cell(run: Run, config: Config) -> dict[str, Any]:
    """What must be the same for a network to know the cell: grains, confinement, rate, stages and voxels."""
    whole = config.model_dump(mode="json")
    if config.source is not None:
        # the sections of the simulation say nothing of another program's grains
        attributes = run.attributes
        grains = {"engine": attributes["engine"], "count": run.grains.sizes["grain"], "length": attributes["length"]}
        cell = dict(zip(("length", "depth", "height"), attributes["box"], strict=True))
        cell |= {"planar": True} if attributes.get("planar") else {}
        loading = {"pressure": attributes["pressure"], "shear_rate": config.source.shear_rate}
        stages = {"threshold": config.stages.threshold, "window": config.stages.window}
        return {"grains": grains, "cell": cell, "voxels": whole["voxels"], "loading": loading, "stages": stages}
    kept = {name: whole[name] for name in ("grains", "cell", "voxels")}
    loading = {name: whole["loading"][name] for name in ("pressure", "shear_rate")}
    return {**kept, "loading": loading, "stages": {"threshold": config.stage_threshold}}


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[Difference]:
    """Where two descriptions of a cell differ; more fields on the nodes are no other cell.

    A setting of the voxels that an older description lacks was what its default is now.
    """
    usual = Voxels().model_dump(mode="json")
    there, here = ({**of, "voxels": usual | of.get("voxels", {})} for of in (there, here))
    return [
        Difference(part, key, there.get(part, {}).get(key), here.get(part, {}).get(key))
        for part in PARTS_OF_A_CELL
        for key in dict.fromkeys([*there.get(part, {}), *here.get(part, {})])
        if there.get(part, {}).get(key) != here.get(part, {}).get(key) and (part, key) != ("voxels", "fields")
    ]


def listed(differing: list[Difference]) -> str:
    """All of them in one line."""
    return "; ".join(map(str, differing))
