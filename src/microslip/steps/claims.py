"""From statistics of stages to what they say: by size of the fluctuation, at equal length, and of the claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.messages import Caution
from microslip.data.run import Run
from microslip.statistics.band import BAND
from microslip.statistics.claims import CLAIMS, correct, judge_claims
from microslip.statistics.conditioning import condition, conditioned_table
from microslip.statistics.contrasts import CONTRASTS, contrast_kinds
from microslip.statistics.evolution import evolution, of_single_stages
from microslip.statistics.memory import block_length, memories
from microslip.statistics.resampling import FEWEST_BLOCKS, strain_blocks
from microslip.statistics.statistic import Quantity
from microslip.steps.common import Say


def judge(
    run: Run, config: Config, groups: pd.DataFrame, followed: Mapping[str, Quantity], say: Say
) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
    """Tables of what the statistics say, by the names of their files, and the block of every stage."""
    stages, confidence = run.stages, config.bootstrap.confidence
    single = of_single_stages(followed)
    remembered = memories(stages, {name: single[name] for name in (*CLAIMS, *CONTRASTS, *BAND)}, *steady_stress(run))
    chosen = config.bootstrap.block_strain
    length = block_length(remembered) if chosen == "measured" else float(chosen)
    middle = ((stages["start_strain"] + stages["end_strain"]) / 2).to_numpy()
    block = strain_blocks(middle, length)
    n_blocks = int(block.max()) + 1
    message = describe_blocks(remembered, length, n_blocks, float(np.ptp(middle)), chosen == "measured")
    say(message if n_blocks >= FEWEST_BLOCKS else Caution(message))
    conditioned = condition(stages, followed, block)
    evolving, samples = evolution(groups, stages, followed, conditioned, block, confidence)
    claims = judge_claims(evolving, samples, conditioned, block, confidence)
    contrasts = contrast_kinds(stages, single, followed, evolving, samples, block, confidence)
    claims, contrasts = (
        table.assign(block_strain=float(np.ptp(middle)) / n_blocks) for table in correct(claims, contrasts, confidence)
    )
    columns = ["stage", "cycle", "kind", "strain_increment", "fluctuation"]
    tables = {
        "stages": stages[columns].assign(below_floor=run.fields["below_floor"].to_numpy(), **single),
        "evolution": evolving,
        "conditioned": conditioned_table(conditioned, confidence),
        "memory": remembered,
        "claims": claims,
        "contrasts": contrasts,
    }
    return tables, block


def steady_stress(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Strain and stress of the samples that the stages span; empty where the run has no stress."""
    if "start_sample" not in run.stages:
        return np.empty(0), np.empty(0)
    here = slice(int(run.stages["start_sample"].min()), int(run.stages["end_sample"].max()) + 1)
    return run.series["strain"][here].to_numpy(), run.stress[here].to_numpy()


# --- what is said of them ---------------------------------------------------------------------------------------------


def describe_blocks(memories: pd.DataFrame, length: float, n_blocks: int, spanned: float, measured: bool) -> str:
    """How long blocks are, and why, in a sentence."""
    text = ""
    if memories["memory"].notna().any():
        longest = memories.loc[memories["memory"].idxmax()]
        where = f"{longest['series'].replace('_', ' ')}{f' in {longest.kind}s' if longest['kind'] else ''}"
        text = f"the longest memory is that of {where}, {longest['memory']:.2g} of strain"
        of = memories.groupby("series")["memory"].max()
        of_band, of_stress = of.reindex(list(BAND)).max(), of.get("stress", np.nan)
        if np.isfinite(of_band):
            text += f"; where along the height grains are active is forgotten within {of_band:.2g}"
        if np.isfinite(of_stress) and longest["series"] != "stress":
            text += f", the stress within {of_stress:.2g}"
    elif measured:
        return f"no intervals: no memory could be measured over {spanned:.2g} of strain"
    if n_blocks < FEWEST_BLOCKS:
        return f"no intervals: {spanned:.2g} of strain holds fewer than {FEWEST_BLOCKS} blocks of {length:.2g}; {text}"
    return "; ".join(filter(None, [f"intervals from {n_blocks} blocks of {spanned / n_blocks:.2g} of strain", text]))


def describe_claims(claims: pd.DataFrame, contrasts: pd.DataFrame) -> Iterator[str]:
    """Every claim with its verdict, in a sentence."""
    for row in claims.to_dict("records"):
        numbers = [_verdicts(row)]
        if np.isfinite(row.get("conditioned", np.nan)):
            numbers.append(
                f"{row['conditioned']:+.3g} a decade [{row['conditioned_low']:.3g}, {row['conditioned_high']:.3g}] at "
                f"equal length, {row['slope']:+.3g} without"
            )
        yield f"{row['quantity'].replace('_', ' ')} {row['claim']} in {row['kind']}s? {'; '.join(numbers)}"
    for row in contrasts.to_dict("records"):
        numbers = [_verdicts(row)]
        if np.isfinite(row.get("matched", np.nan)):
            numbers.append(
                f"{row['matched']:+.3g} [{row['matched_low']:.3g}, {row['matched_high']:.3g}] at equal size and length"
            )
        if np.isfinite(row.get("stick", np.nan)):
            numbers.append(f"{row['stick']:.4g} and {row['slip']:.4g} of all")
        other = "slips" if str(row["claim"]).endswith("sticks") else "sticks"
        yield f"{row['quantity'].replace('_', ' ')} {row['claim']} than in {other}? {'; '.join(numbers)}"


def _verdicts(row: Mapping[str, object]) -> str:
    """The verdict, with what is left of it among so many, and why there is none."""
    text = str(row["verdict"])
    if row["corrected_verdict"] != row["verdict"]:
        text += f" ({row['corrected_verdict']} among so many claims)"
    reason = row.get("reason")
    return f"{text}, {reason}" if isinstance(reason, str) and reason else text
