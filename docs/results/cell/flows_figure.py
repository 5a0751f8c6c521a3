"""Departure from a linear profile by kind of wall, from `flows.csv`: `python flows_figure.py flows.csv flows.png`."""

import sys

import matplotlib.pyplot as plt
import pandas as pd

from microslip.statistics.profiles import LARGEST_DEPARTURE, LARGEST_SHARE, LEAST_SHARE
from microslip.views.style import journal_style


def main():
    table = pd.read_csv(sys.argv[1])
    names = list(dict.fromkeys(table["walls"]))
    quarters = table[[f"quarter_{number}" for number in (1, 2, 3, 4)]]
    with journal_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained", sharey=True)
        at = table["walls"].map(names.index)
        left.plot(table["departure"], at, "o", color="C0", ms=3.5, alpha=0.7)
        left.axvline(LARGEST_DEPARTURE, color="0.5", lw=0.8, ls="--")
        left.set(xlabel="largest |u/U − (1 − z/H)| in 0.3 of strain", xlim=(0, None))
        left.set_yticks(range(len(names)), names)
        left.invert_yaxis()
        right.plot(100 * quarters.min(axis=1), at, "<", color="C0", ms=3.5, alpha=0.7, label="least")
        right.plot(100 * quarters.max(axis=1), at, ">", color="C1", ms=3.5, alpha=0.7, label="most")
        for limit in (LEAST_SHARE, LARGEST_SHARE):
            right.axvline(100 * limit, color="0.5", lw=0.8, ls="--")
        right.set(xlabel="active grains in a quarter of the height [%]")
        right.legend(fontsize=7)
        figure.savefig(sys.argv[2], dpi=150)


if __name__ == "__main__":
    main()
