"""The network as it is: a box for the features that each layer hands on, with their number and shape."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch, Polygon

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.views.figures.record import RunFigure
from microslip.views.panels import Drawing, panel
from microslip.views.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    NEW_AXES,
    ORANGE,
    PURPLE,
    SKY,
    TWO_COLUMNS,
    VERMILLION,
    draws_panel,
    journal_style,
    new_figure,
)

# Layers without a box of their own, for they change no shape.
_UNSEEN = {"ReLU": "ReLU", "BatchNorm3d": "batch normalisation"}
_NAMES = {
    "Input": "input",
    "Conv3d": "convolution 3×3×3",
    "PeriodicConvolution": "convolution 3×3×3, periodic",
    "MaxPool3d": "max pool 2×2×2",
    "ResidualBlock": "residual block",
    "OverThePlane": "mean and largest over the plane",
    "Between layers": "between layers",
    "Own weights": "weights of no layer",
    "Flatten": "flattened",
    "Linear": "fully connected",
    "Output": "fully connected, no ReLU",
}
_COLOURS = {
    "Input": GREY,
    "Conv3d": BLUE,
    "PeriodicConvolution": BLUE,
    "MaxPool3d": ORANGE,
    "ResidualBlock": GREEN,
    "Flatten": SKY,
    "OverThePlane": SKY,
    "Between layers": SKY,
    "Linear": PURPLE,
    "Output": VERMILLION,
}


@dataclass(frozen=True)
class Block:
    """Features in a row: the kind of layer that made them, their shape, and what follows without changing it."""

    kind: str
    shape: tuple[int, ...]
    parameters: int
    then: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Its entry in the legend: the kind, or Output where nothing cuts off the negative values of units."""
        return "Output" if self.kind == "Linear" and "ReLU" not in self.then else self.kind


def blocks_of(layers: pd.DataFrame) -> list[Block]:
    """Layers in groups that share a shape, as they are drawn; columns kind, shape and parameters as in `layers.csv`."""
    blocks: list[Block] = []
    for layer in layers.itertuples():
        if layer.kind in _UNSEEN and blocks:
            blocks[-1].then.append(_UNSEEN[layer.kind])
            continue
        shape = tuple(int(n) for n in str(layer.shape).split("×"))
        blocks.append(Block(str(layer.kind), shape, int(layer.parameters)))
    return blocks


@draws_panel(7.2, 2.25)
def draw_network(layers: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Draw a network from the table of its layers.

    Parameters
    ----------
    layers
        layer, kind (of the class), shape ("channels × x × y × z", or "units"), parameters: one row per layer in order.
    """
    blocks = blocks_of(layers)
    largest = np.array([block.shape[1:] for block in blocks if len(block.shape) == 4], dtype=float).max(axis=0)
    at = 0.0
    names: dict[str, str] = {}
    for number, block in enumerate(blocks):
        kind = block.key
        colour = _COLOURS.get(kind, GREY)
        spatial = len(block.shape) == 4
        if spatial:
            # roots: the last features are a single node high, and must still be seen
            shares = (np.array(block.shape[1:]) / largest) ** 0.5
            far, high = 1.15 * shares[0], 1.9 * shares[2]
            thick = 0.07 * (1 + np.log2(block.shape[0]))
        else:
            far, high, thick = 0.0, 0.22 * (1 + np.log2(block.shape[0])), 0.16
        _box(axes, at, thick, high, far, colour)
        middle = at + thick / 2
        count = str(block.shape[0])
        axes.text(middle, -high / 2 - 0.12, count, ha="center", va="top", fontsize=7, fontweight="bold")
        if spatial:
            axes.text(
                middle, -high / 2 - 0.40, "×".join(map(str, block.shape[1:])), ha="center", va="top", fontsize=5.8
            )
        name = ", ".join([_NAMES.get(kind, kind), *dict.fromkeys(block.then)])
        # the last layer of a kind may have nothing behind it: the longest name says most
        names[kind] = max(names.get(kind, ""), name, key=len)
        step = thick + 0.6 * far + (0.52 if spatial else 0.5)
        if number + 1 < len(blocks):
            axes.annotate(
                "", (at + step - 0.06, 0.0), (at + thick + 0.3 * far + 0.06, 0.0), zorder=0,
                arrowprops={"arrowstyle": "-|>", "color": GREY, "linewidth": 0.7, "mutation_scale": 6},
            )  # fmt: skip
        at += step
    axes.text(at - 0.25, 0.0, r"$\Delta s$", ha="left", va="center", fontsize=9)
    total = int(layers["parameters"].sum())
    axes.set_title(title, loc="left")
    axes.set_title(
        f"{total:,} parameters".replace(",", "\u2009"), loc="right", fontsize=7.5, fontweight="normal", color=GREY
    )
    handles = [
        Patch(facecolor=_COLOURS.get(kind, GREY), edgecolor=INK, linewidth=0.5, label=name)
        for kind, name in names.items()
    ]
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=3, fontsize=6.8,
        handlelength=1.0, columnspacing=1.4,
    )  # fmt: skip
    axes.set_xlim(-0.45, at + 0.3)
    axes.set_ylim(-1.65, 1.5)
    axes.set_aspect("equal", anchor="N")
    axes.set_axis_off()


def _box(axes: Axes, left: float, thick: float, high: float, far: float, colour: str) -> None:
    """A box seen from the front left: front face, top and side, the far edges up and to the right."""
    low, top, right = -high / 2, high / 2, left + thick
    aside, up = 0.6 * far, 0.35 * far
    front = [(left, low), (right, low), (right, top), (left, top)]
    faces = [(front, 0.0)]
    if far > 0:
        faces.append(([(left, top), (right, top), (right + aside, top + up), (left + aside, top + up)], 0.35))
        faces.append(([(right, low), (right + aside, low + up), (right + aside, top + up), (right, top)], -0.2))
    base = np.array(to_rgb(colour))
    for corners, lighter in faces:
        shade = base + lighter * (1 - base) if lighter > 0 else base * (1 + lighter)
        axes.add_patch(Polygon(corners, closed=True, facecolor=shade, edgecolor=INK, linewidth=0.5, zorder=2))


@journal_style()
def draw(run: Run, layers: pd.DataFrame | None = None) -> Drawing:
    """The network layer by layer, with the shapes of what each layer hands on.

    Its layers are those of `Predictor.layers`, for nothing here can open a network.
    """
    drawing = Drawing(new_figure(TWO_COLUMNS, 2.25))
    axes = drawing.figure.subplots()
    with panel(axes, run, "model/checkpoint.pt", "The network"):
        if layers is None:
            raise MicroslipError("no network has been trained")
        draw_network(layers, title="The network", axes=axes)
        drawing.tables["layers"] = layers
    return drawing


FIGURE = RunFigure(
    name="network",
    title="The network, layer by layer",
    draw=draw,
    caption=(
        "Features that each layer hands on, from the trained network itself: number of channels or units, below it "
        "nodes along x, y, z. Edges are drawn by the root of the number of nodes, thickness by the logarithm of the "
        "channels."
    ),
    alternative=("A row of boxes, wide and flat at first, then smaller and thicker, then three bars: the layers."),
    needs="model/checkpoint.pt",
    counterpart="4",
    in_pressure=False,
    of_network=True,
)
