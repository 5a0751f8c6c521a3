"""Fields of the network of contacts: which are lost and gained over a stage, and which grains stand in force chains."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.contacts import count_contacts
from microslip.fields.force_chains import force_chains
from microslip.fields.record import GrainField
from microslip.fields.stage import StageFrames

# What a contact takes besides positions; the frames of glasses lack it.
DIAMETER = "diameter"


def _share_gone(
    pairs: Int64[np.ndarray, "contact 2"], n_kept: Int64[np.ndarray, "grain"]
) -> Float64[np.ndarray, "grain"]:
    """Share of each grain's contacts that are not kept; NaN of a grain without any."""
    total = count_contacts(pairs, len(n_kept))
    return np.asarray(np.divide(total - n_kept, total, out=np.full(len(n_kept), np.nan), where=total > 0))


def _lost(stage: StageFrames) -> Float64[np.ndarray, "grain"]:
    return _share_gone(stage.start_contacts[0], stage.n_kept)


def _gained(stage: StageFrames) -> Float64[np.ndarray, "grain"]:
    return _share_gone(stage.end_contacts[0], stage.n_kept)


def _in_chain(stage: StageFrames) -> Float64[np.ndarray, "grain"]:
    """1 in a force chain, 0 outside; NaN of a grain whose stress is not known."""
    if DIAMETER not in stage.values:
        return np.full(len(stage.kind), np.nan)
    stress, bulk = stage.values["grain_stress"][0].astype(float), stage.kind == 0
    member = force_chains(stress, *stage.start_contacts, bulk, stage.box.planar)
    return np.where(np.isfinite(stress).all(axis=1), member, np.nan)


def _sliding(stage: StageFrames) -> Float64[np.ndarray, "grain"]:
    n, sliding = (stage.values[name][0].astype(float) for name in ("n_contacts", "n_sliding"))
    return np.asarray(np.divide(sliding, n, out=np.full(len(n), np.nan), where=n > 0))


CONTACTS_LOST = GrainField(
    name="contacts_lost",
    unit="",
    description="share of the contacts at the start that are gone at the end, contacts by overlap; NaN without any",
    measure=_lost,
    needs=DIAMETER,
    signed=False,
    symbol="share of contacts lost",
)

CONTACTS_GAINED = GrainField(
    name="contacts_gained",
    unit="",
    description="share of the contacts at the end that were not there at the start; NaN without any",
    measure=_gained,
    needs=DIAMETER,
    signed=False,
    symbol="share of contacts gained",
)

FORCE_CHAIN = GrainField(
    name="force_chain",
    unit="",
    description="1 of a grain in a force chain at the start, 0 of another",
    measure=_in_chain,
    needs="grain_stress",
    signed=False,
    symbol="share in force chains",
)

SLIDING = GrainField(
    name="sliding",
    unit="",
    description="share of the contacts at Coulomb's limit at the start, |F_t| = μ F_n; NaN without any",
    measure=_sliding,
    needs="n_sliding",
    signed=False,
    symbol="share of contacts that slide",
)
