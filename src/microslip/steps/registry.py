"""The steps by their verbs, in order: what each reads of the settings, what it does, and what it needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib import import_module
from keyword import iskeyword
from typing import Any

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.extras import missing
from microslip.data.artifacts import RUN_STEPS, inputs_of, outputs_of
from microslip.data.run import Run
from microslip.fields.registry import always_measured
from microslip.statistics.registry import STATISTICS
from microslip.steps.common import Advance, Say
from microslip.views.figures import RUN_FIGURES


@dataclass(frozen=True)
class Step:
    """A verb of the command line: what it reads of the configuration, what it does, and what it needs."""

    verb: str
    title: str
    sections: tuple[str, ...]
    # raised when a later version leaves more or other things there, so that older results are made again
    edition: int = 1
    # extras whose packages it needs
    needs: tuple[str, ...] = ()
    # goes on writing into what it left before, which is never made again over something finished
    grows: bool = False
    # shows what there is; the others need every input
    shows: bool = False
    # names of what it measures or draws, as their registry has them now: a result of other ones is out of date
    measures: Collection[str] = ()

    def work(
        self, run: Run, config: Config, mark: str, advance: Advance, say: Say, **more: Any
    ) -> dict[str, Any] | None:
        """Perform it: `VERB_step` of `microslip.steps.VERB`; what it returns is kept in the step's record.

        The module is loaded here: no verb waits for another one's torch or matplotlib. The report takes `states` too.
        """
        module = f"{self.verb}_" if iskeyword(self.verb) else self.verb
        step = getattr(import_module(f"microslip.steps.{module}"), f"{self.verb}_step")
        extra: dict[str, Any] | None = step(run, config, mark, advance, say, **more)
        return extra

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it reads in the run folder."""
        return inputs_of(self.verb)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What it leaves there."""
        return outputs_of(self.verb)


_DEM = ("seed", "grains", "cell", "loading", "recording", "engine")
_TRAINING = ("split", "network", "training")

STEPS = {
    step.verb: step
    for step in (
        Step("simulate", "shearing the cell", _DEM, grows=True),
        Step("import", "reading another program's files", ("source",)),
        Step("stages", "finding stages", ("stages", "loading", "recording")),
        Step("fields", "measuring fields", ("nonaffine",), edition=2, measures=always_measured()),
        Step("voxels", "coarse graining", ("voxels",)),
        Step("train", "training the network", _TRAINING, edition=3, needs=("learn",)),
        Step(
            "explain",
            "integrated gradients",
            ("attribution", "correlation", "clusters", "training", "split"),
            edition=4,
            needs=("learn",),
        ),
        Step(
            "statistics",
            "correlations, clusters, distributions, profiles",
            ("correlation", "clusters", "distributions", "bootstrap"),
            edition=5,
            measures=STATISTICS,
        ),
        Step(
            "ablate",
            "training on less",
            ("ablation", *_TRAINING, "voxels"),
            needs=("learn",),
        ),
        Step(
            "assess",
            "many seeds and folds",
            ("assessment", *_TRAINING),
            needs=("learn",),
        ),
        Step(
            "search",
            "searching settings",
            ("search", *_TRAINING),
            needs=("learn", "search"),
        ),
        Step(
            "ceiling",
            "what there is to know",
            ("split", "network", "training", "nonaffine"),
            needs=("learn",),
        ),
        Step(
            "replicas",
            "doing stages again",
            ("replicas", "nonaffine", "stages"),
        ),
        Step("figures", "drawing figures", (), edition=2, shows=True, measures=RUN_FIGURES),
        Step("report", "writing the report", (), edition=2, shows=True),
    )
}


def run_steps(config: Config) -> tuple[str, ...]:
    """The steps of `microslip run`: those of an imported run begin with its import."""
    return RUN_STEPS if config.source is None else ("import", *RUN_STEPS[1:])


def left_out(verbs: Iterable[str]) -> dict[str, str]:
    """Why steps cannot run here, by verb: packages of an extra that are not installed."""
    why = {}
    for verb in verbs:
        lacking = {extra: modules for extra in STEPS[verb].needs if (modules := missing(extra))}
        for extra, modules in lacking.items():
            why[verb] = f"the package {modules[0]} is not installed: pip install 'microslip[{extra}]'"
    return why


def needed_of(verb: str, others: Iterable[str]) -> list[str]:
    """Those of the other steps without whose results a step cannot run; none where it shows what there is."""
    step = STEPS[verb]
    tops = {name.split("/")[0] for name in step.inputs}
    return [other for other in others if not step.shows and tops & set(STEPS[other].outputs)]


def check_overrides(verb: str, overrides: Iterable[str]) -> None:
    """Refuse to override what a step does not read: the run folder's configuration would no longer be what was run.

    Raises
    ------
    MicroslipError
        An override names a section of another step.
    """
    step = STEPS[verb]
    own = [name for name in step.sections if name not in _DEM or verb == "simulate"]
    for override in overrides:
        section = override.partition("=")[0].partition(".")[0].strip()
        known = {name for other in STEPS.values() for name in other.sections}
        if section in known and section not in own:
            reader = next(other.verb for other in STEPS.values() if section in other.sections)
            raise MicroslipError(
                f"--set {override}: `microslip {verb}` does not read {section}, `microslip {reader}` does: set it there"
            )
