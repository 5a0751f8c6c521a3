"""Rows of the table of the learning results: `python table.py NAME=RUN NAME=RUN …`, runs with an assessment."""

import sys

import pandas as pd

from microslip import open_run

BASELINES = 2


def rows_of(name, folder):
    """Network, mean of the seeds and the best two baselines, on every split and on all folds together."""
    table = pd.read_csv(open_run(folder).folder / "assessment" / "summary.csv")
    for (rule, fold), part in table.groupby(["rule", "fold"], sort=False):
        if rule == "rolling" and fold:
            continue
        learnt = part["method"].isin(["network", "ensemble"])
        best = part[~learnt].nlargest(BASELINES, "r2")
        for row in pd.concat([part[learnt], best]).to_dict("records"):
            spread = f" ± {row['r2_spread']:.3f}" if row["seeds"] > 1 else ""
            coverage = less = ""
            if pd.notna(row["coverage"]):
                coverage = f"{row['coverage']:.3f} ({row['coverage_least']:.2f} to {row['coverage_most']:.2f})"
            if pd.notna(row["less_than_network"]) and row["method"] != "ensemble":
                value, low, high = (row[f"less_than_network{end}"] for end in ("", "_low", "_high"))
                less = f"{value:.3f} [{low:.3f}, {high:.3f}]"
            yield (
                f"| {name}: {row['method']} | {rule} | {row['seeds']} | {row['n']} |"
                f" {row['r2']:.3f}{spread} [{row['r2_low']:.3f}, {row['r2_high']:.3f}] |"
                f" {row['sign_accuracy']:.3f}, {row['sign_above']:.3f} | {coverage} | {less} |"
            )


def main():
    for each in sys.argv[1:]:
        print(*rows_of(*each.split("=", 1)), sep="\n")


if __name__ == "__main__":
    main()
