"""What its contacts say of every grain: stress, energy, number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class GrainValues:
    """Stress, energy and contacts of every grain, of one frame or of several.

    `stress`: Love–Weber, components xx yy zz xy xz yz, compression positive [p]. `energy`: half of that of the grain's
    contacts [p d̄³]. `n_contacts`: a whole number in double precision. NaN is unknown.
    """

    stress: Float64[np.ndarray, "*frames grain 6"]
    energy: Float64[np.ndarray, "*frames grain"]
    n_contacts: Float64[np.ndarray, "*frames grain"]

    @classmethod
    def of(cls, table: Float64[np.ndarray, "*frames grain 8"]) -> GrainValues:
        """Views of an array with all values of a grain in a row, as kernels, ranks and checkpoints take it."""
        return cls(table[..., :6], table[..., 6], table[..., 7])

    @property
    def table(self) -> Float64[np.ndarray, "*frames grain 8"]:
        """All values of a grain in a row; `of` undoes it."""
        return np.concatenate([self.stress, self.energy[..., None], self.n_contacts[..., None]], axis=-1)
