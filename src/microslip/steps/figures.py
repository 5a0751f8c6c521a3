"""Figures and report."""

from __future__ import annotations

import pandas as pd

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.extras import require
from microslip.data.run import Run
from microslip.steps.common import Advance, Say


def figures_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Draw."""
    from microslip.views.gallery import draw_figures

    drawn = draw_figures(run, run.folder / "figures", advance, network_layers(run, say), mark)
    say(f"{len(drawn)} files in figures/")


def network_layers(run: Run, say: Say) -> pd.DataFrame | None:
    """Layers of the trained network, which the drawing cannot open itself; None where there is none to be opened."""
    checkpoint = run.folder / "model" / "checkpoint.pt"
    if not checkpoint.exists():
        return None
    try:
        require("learn", "a trained network")
        from microslip.learn.checkpoint import load_checkpoint

        return load_checkpoint(checkpoint).network.layers()
    except MicroslipError as problem:
        say(f"the network is not drawn: {problem}")
    except Exception as problem:
        # a network of another make may do anything when it is asked; the other figures need not suffer for it
        told = " ".join(str(problem).split()) or type(problem).__name__
        say(f"the network is not drawn: it does not say what it is made of ({type(problem).__name__}: {told})")
    return None
