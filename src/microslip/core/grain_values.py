"""What its contacts say of every grain: stress, energy, number, and how many slide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

# Six components of the stress, energy, contacts, sliding ones.
N_VALUES = 9


@dataclass(frozen=True)
class GrainValues:
    """Stress, energy and contacts of every grain, of one frame or of several.

    `stress`: Love–Weber, components xx yy zz xy xz yz, compression positive [p]. `energy`: half of that of the grain's
    contacts [p d̄³]. `n_contacts`, and `n_sliding` of them at Coulomb's limit: whole numbers in double precision. NaN is
    unknown.
    """

    stress: Float64[np.ndarray, "*frames grain 6"]
    energy: Float64[np.ndarray, "*frames grain"]
    n_contacts: Float64[np.ndarray, "*frames grain"]
    n_sliding: Float64[np.ndarray, "*frames grain"]

    @classmethod
    def of(cls, table: Float64[np.ndarray, "*frames grain value"]) -> GrainValues:
        """Views of an array with all values of a grain in a row, as kernels, ranks and checkpoints take it.

        A checkpoint of an older version lacks the last one.
        """
        sliding = table[..., 8] if table.shape[-1] == N_VALUES else np.full(table.shape[:-1], np.nan)
        return cls(table[..., :6], table[..., 6], table[..., 7], sliding)

    @property
    def table(self) -> Float64[np.ndarray, "*frames grain 9"]:
        """All values of a grain in a row; `of` undoes it."""
        single = (self.energy, self.n_contacts, self.n_sliding)
        return np.concatenate([self.stress, *(each[..., None] for each in single)], axis=-1)
