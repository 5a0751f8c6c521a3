"""Where the steady state begins: stages, means, checks and figures all leave out what lies before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import ValidationError

from microslip.core.errors import MicroslipError
from microslip.dem.config import ShearCell
from microslip.events.config import Stages


def steady_sample(strain: Float[np.ndarray, "sample"], warm_up: float | None, cell: ShearCell | None) -> int:
    """The first sample after the warm-up: the later one of loading.warm_up and stages.warm_up.

    Parameters
    ----------
    strain
        Of every sample, shape (sample,), rising.
    warm_up
        That of the stages, a strain; None where it is not set.
    cell
        None for an imported run, which has a warm-up of the stages alone.
    """
    if cell is None:
        return int(np.searchsorted(strain, strain[0] + warm_up)) if warm_up is not None and len(strain) else 0
    if warm_up is None:
        return cell.first_stage_sample
    # by strain, for samples are not equally spaced while the rate changes; half a step against its rounding
    return max(cell.first_stage_sample, int(np.searchsorted(strain, warm_up - cell.recording.strain_step / 2)))


def steady_sample_of(config: Mapping[str, Any], strain: Float[np.ndarray, "sample"], imported: bool) -> int:
    """The same from the configuration that a run folder holds.

    Of settings of another version, or of none, loading.warm_up alone counts where it is there.
    """
    sections = {name: config[name] for name in ShearCell.model_fields if name in config}
    try:
        warm_up = Stages.model_validate(config.get("stages", {})).warm_up
        return steady_sample(strain, warm_up, None if imported else ShearCell.model_validate(sections))
    except (ValidationError, MicroslipError):
        loading = config.get("loading", {})
        warm_up = float(loading.get("warm_up", 0.0)) if isinstance(loading, dict) and not imported else 0.0
        return int(np.searchsorted(strain, warm_up))
