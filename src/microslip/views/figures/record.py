"""The record of a figure: how it is drawn from a run, what it needs, and the words to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from microslip.core.errors import MicroslipError
from microslip.data.artifacts import artifact
from microslip.data.attributes import pressure_known
from microslip.data.run import Run
from microslip.data.stage_stress import VOLUME, StressMeasure
from microslip.views.panels import Drawing
from microslip.views.settings import Config, setting, threshold
from microslip.views.tables import grid_sweeps, knows_stress, read
from microslip.views.wording import show

NOT_MADE = "Nothing to show yet: the step that makes its data has not run, or the run does not hold them."


@dataclass(frozen=True)
class About:
    """The facts of a run that the captions of its figures depend on.

    `sweeps`: whether R² is known for other grids. `rule`: the split rule of the network that is explained. `n_deleted`:
    stages in the deletion curves. `measure`: whose stress is cut into stages.
    """

    walls: bool = True
    stress: bool = True
    pressure_known: bool = True
    imported: bool = False
    data: bool = True
    sweeps: bool = False
    rule: str | None = None
    n_deleted: int | None = None
    measure: StressMeasure = VOLUME

    @classmethod
    def of(cls, run: Run) -> About:
        """The facts as the run's files have them; where the trajectory cannot be read, as of a simulated run."""
        try:
            attributes, kind = run.attributes, run.grains["kind"].to_numpy()
        except MicroslipError:
            return cls()
        return cls(
            bool((kind != 0).any()), knows_stress(run), pressure_known(attributes), sweeps=grid_sweeps(run) is not None,
            rule=_explained_rule(run), n_deleted=_deleted_stages(run), measure=_measure(run),
        )  # fmt: skip

    def with_data(self, data: bool) -> About:
        """The same facts for a figure that has data, or has none yet."""
        return replace(self, data=data)


def _measure(run: Run) -> StressMeasure:
    try:
        return run.stress_measure
    except MicroslipError:
        return VOLUME


def _explained_rule(run: Run) -> str | None:
    try:
        rule = run.attributions.attrs.get("rule")
    except MicroslipError:
        return None
    return str(rule) if rule else None


def _deleted_stages(run: Run) -> int | None:
    try:
        n = read(run, "interpretation/deletion.csv", "n")["n"]
    except MicroslipError:
        return None
    return int(n.max()) if len(n) else None


@dataclass(frozen=True)
class Sentence:
    """A sentence with settings in its braces; left out where one is unknown, or where `when` says no of the run."""

    text: str
    names: tuple[str, ...]
    when: Callable[[Config], bool] = lambda config: True

    def of(self, config: Config) -> str:
        """The sentence in a run's own numbers, or nothing."""
        values = [threshold(config) if name == "threshold" else setting(config, name) for name in self.names]
        applies = all(value is not None for value in values) and self.when(config)
        return self.text.format(*map(show, values)) if applies else ""


WALL_GRAINS = "Wall grains serve as neighbours and get no value of their own."

STAGE_ENDS = Sentence("A stage ends where the swing that follows exceeds {} p.", ("threshold",))
NEIGHBOURS = Sentence(
    "D²min: mean over the neighbours within {} d̄ in the frame at the start of the stage.", ("nonaffine.cutoff",)
)
ACTIVE = Sentence("Active: the {} of the bulk grains with the largest D²min.", ("clusters.fraction",))
SETS = (
    Sentence("Shares: {} training, {} validation, the rest test.", ("split.train", "split.validation")),
    Sentence("Between blocks {} stages are left out.", ("split.guard",)),
    Sentence("Seed {} (weights, order, augmentation, random split).", ("training.seed",)),
)
NODES = (
    Sentence(
        "Nodes every {} d₅₀ carry the mean D²min of the grains within {} d₅₀.", ("voxels.spacing", "voxels.radius")
    ),
    Sentence("Input: log₁₀(D²min + {}), standardised.", ("training.floor",)),
)
PATH = Sentence("Path from the baseline “{}”, {} points or more.", ("attribution.baseline", "attribution.n_steps"))


def explained_network(about: About) -> str:
    """Whose attributions a figure shows; nothing where there are none."""
    if about.rule is None:
        return ""
    return f"Attributions are of the network of the {about.rule} split, stages of its test set."


@dataclass(frozen=True)
class RunFigure:
    """A figure of a run.

    Parameters
    ----------
    name
        Of its files: NAME.png, NAME.pdf, and NAME-TABLE.csv for each table that `draw` returns.
    title, caption, alternative
        Heading; what the panels show, or a function of what the run has; the picture in words, for screen readers.
    draw
        From a run to the picture and the tables behind its panels; without tables it shows nothing. With `of_network`
        it takes the table of the network's layers, or None, too.
    needs
        The file of the run without which all panels are empty; none where something of any run can be shown.
    settings, closing
        Sentences behind the caption: on settings, and on what has been made of the run.
    counterpart
        The figure of Mei et al. 2023 that shows the same.
    in_pressure
        Its axes or caption give stresses in p.
    narrow
        It has one panel, half as wide as a page.
    of_stress
        Its settings are those of the stress: they are left out for a run without one.
    of_few_runs
        What it shows is kept on request: where that is missing, nobody is told of it.
    """

    name: str
    title: str
    draw: Callable[..., Drawing]
    caption: str | Callable[[About], str]
    alternative: str
    needs: str = ""
    settings: tuple[Sentence, ...] = ()
    closing: Callable[[About], str] = lambda about: ""
    counterpart: str = ""
    in_pressure: bool = True
    narrow: bool = False
    of_stress: bool = False
    of_network: bool = False
    of_few_runs: bool = False

    @property
    def step(self) -> str:
        """The command without which there is nothing to show."""
        return artifact(self.needs).step if self.needs else "figures"

    def words(self, config: Config, about: About | None = None) -> str:
        """What the figure shows, the settings that its numbers depend on, and which figure of the paper shows the same.

        Parameters
        ----------
        config
            The run's resolved configuration; sentences on settings that it lacks are left out.
        about
            What the run has; without it an imported run is taken to have no walls.
        """
        imported = "source" in config
        about = about or About(walls=not imported and setting(config, "cell.walls") is not False)
        if not about.data:
            return NOT_MADE
        about = replace(about, imported=imported)
        sentences = [self.caption if isinstance(self.caption, str) else self.caption(about)]
        if about.stress or not self.of_stress:
            sentences += [sentence.of(config) for sentence in self.settings]
        sentences.append(self.closing(about))
        if self.in_pressure and about.stress and not about.pressure_known:
            sentences.append("Stresses are in source units, for which p stands in this text.")
        if self.counterpart:
            sentences.append(f"Counterpart of fig. {self.counterpart} of Mei et al. 2023.")
        return " ".join(filter(None, sentences))
