"""The table of systems of paper.md, from a study's folder: `python docs/results/paper/systems.py runs/paper_study`."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from microslip.data.run import open_run
from microslip.study.transfers import transfers_by_system

ELSEWHERE = {"networks of others": "r2_of_others", "one network of all others": "r2_of_all_others"}


def main() -> None:
    folder = Path(sys.argv[1])
    summary = pd.read_csv(folder / "summary.csv")
    transfers = transfers_by_system(pd.read_csv(folder / "transfer" / "transfer.csv")).set_index("system")
    lines = []
    for row in summary.to_dict("records"):
        name = row["system"]
        stages = open_run(folder / name).stages
        one_sample = (stages["end_sample"] - stages["start_sample"] <= 1).mean()
        lines.append(
            {
                "system": name,
                "flow": row["flow"],
                "stages": len(stages),
                "of one sample": f"{one_sample:.0%}",
                "mean s [p]": f"{row['stress']:.3f} ± {row['stress_error']:.3f}",
                "φ": f"{row['solid_fraction']:.3f}",
                "mean slip > 1e-3 p [p]": f"{row['mean_slip_1e-3']:.4f} ± {row['mean_slip_1e-3_error']:.4f}",
                "ξ slip [d̄]": f"{row['xi_slip']:.2f} ± {row['xi_slip_error']:.2f}",
                **{f"R² {rule}": _score(row, f"r2_test_{rule}") for rule in ("random", "blocked")},
                **{
                    heading: f"{transfers[column].get(name, np.nan):.2f}".replace("-", "−")
                    for heading, column in ELSEWHERE.items()
                },
            }
        )
    table = pd.DataFrame(lines)
    print("| " + " | ".join(table) + " |\n|" + "---|" * len(table.columns))
    for line in table.itertuples(index=False):
        print("| " + " | ".join(str(cell).replace("nan", "–") for cell in line) + " |")


def _score(row: dict, name: str) -> str:
    text = f"{row[name]:.3f} ± {row[f'{name}_spread']:.3f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"
    return text.replace("-", "−")


if __name__ == "__main__":
    main()
