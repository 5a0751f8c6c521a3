"""What steers network, training, ablation and attribution."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from microslip.core.settings import LATER, MOST_THREADS, Settings
from microslip.fields.registry import on_nodes
from microslip.learn.networks.registry import NETWORKS, network_kind

# What a network may be told beside the fields on nodes: a number of the stage, the same everywhere, never negative.
OF_STAGE = ("strain_increment",)


def input_name(name: str) -> str:
    """The name itself where it is a possible input; a ValueError that says which are, where not."""
    if name not in on_nodes() and name not in OF_STAGE:
        raise ValueError(f"{name} is no input of a network: known are {', '.join([*on_nodes(), *OF_STAGE])}")
    return name


InputName = Annotated[str, AfterValidator(input_name)]


# Of what costs an hour or a gigabyte each thousand: beyond it nothing ends.
MOST = 10**6
MOST_WEIGHTS = 5 * 10**8

Channels = Annotated[int, Field(ge=1, le=4096)]
Length = Annotated[float, Field(ge=1e-3, le=10)]
Share = Annotated[float, Field(ge=1e-3, lt=1)]


class Network(Settings):
    """What the network sees of a stage, and its shape."""

    kind: Annotated[str, AfterValidator(network_kind)] = Field(
        "plain", description="; ".join(f"{name}: {kind.description}" for name, kind in NETWORKS.items())
    )
    inputs: tuple[InputName, ...] = Field(
        ("d2min",),
        min_length=1,
        description="one channel each; what is no D²min must be among voxels.fields, and strain_increment, the stage's"
        " length in strain, is told to every node alike",
    )
    channels: tuple[Channels, ...] = Field(
        (16, 32, 64, 128), min_length=1, max_length=16, description="of the convolutions, the paper's"
    )
    hidden: int = Field(
        128, ge=1, le=2**16, description="units of the fully connected layer; the paper gives no number"
    )
    pooling: Literal["ceil", "floor"] = Field(
        "ceil",
        description="of the plain network, where a plane is left over: ceil pools it alone, so that no axis is ever too"
        " short; floor drops it, as most libraries do unless told otherwise",
        json_schema_extra=LATER,
    )
    closed: bool = Field(
        False,
        description="for the plain network, the first plane of nodes is repeated behind the last along x and y, as on a"
        " grid with nodes on both faces",
        json_schema_extra=LATER,
    )
    batch_normalisation: bool = Field(
        False, description="after each convolution; not in the paper, but it learns in fewer epochs"
    )
    start: Literal["he", "library"] = Field(
        "he",
        description="initial weights: he: He's, the last layer zero; library: torch's own in every layer, as in a"
        " network that nobody started in another way",
        json_schema_extra=LATER,
    )
    calibrated: bool = Field(
        True,
        description="initial weights of the plain network without batch normalisation scaled on some training stages,"
        " so that every layer hands on numbers of mean 0 and deviation 1; without it, it waits long on a plateau",
    )

    @field_validator("channels")
    @classmethod
    def _fit_into_memory(cls, channels: tuple[int, ...]) -> tuple[int, ...]:
        if (weights := sum(27 * n * m for n, m in pairwise(channels))) > MOST_WEIGHTS:
            raise ValueError(
                f"network.channels = {list(channels)} has {weights:.2g} weights, which take {16 * weights / 1e9:.3g} GB"
                " while they are trained: use fewer"
            )
        return channels

    @model_validator(mode="after")
    def _shaped_as_the_kind_can_be(self) -> Self:
        if self.kind != "plain" and (self.closed or self.pooling != "ceil"):
            raise ValueError(
                f"network.closed and network.pooling are of the plain network, not of {self.kind}: set"
                ' network.closed=false and network.pooling="ceil"'
            )
        return self

    @field_validator("inputs")
    @classmethod
    def _named_once(cls, inputs: tuple[InputName, ...]) -> tuple[InputName, ...]:
        if len(set(inputs)) < len(inputs):
            raise ValueError(f"network.inputs = {list(inputs)} names one twice: remove it")
        return inputs


MOST_MEMBERS = 100


class Training(Settings):
    """What is made small, AdamW, one cycle of the learning rate."""

    seed: int = Field(
        1, ge=0, lt=2**31, description="initial weights, order of the samples, augmentation, random split"
    )
    ensemble: int = Field(
        1,
        ge=1,
        le=MOST_MEMBERS,
        description="networks per split, with seeds seed, seed + 1, …; the prediction is their mean",
    )
    epochs: int = Field(40, ge=1, le=MOST)
    patience: int = Field(
        25,
        ge=1,
        le=MOST,
        description="epochs without a better validation loss before training stops; most of a cycle, which ends low",
    )
    batch_size: int = Field(32, ge=2, le=MOST)
    learning_rate: float = Field(1e-3, ge=1e-12, lt=1, description="peak of the cycle; 2e-3 killed the plain network")
    average: float = Field(
        1.0,
        ge=0,
        le=MOST,
        description="epochs over which the running mean of the weights forgets; that mean is validated, kept and used,"
        " for with heavy-tailed fluctuations the weights of a single step are noise; 0 for those of the last step",
    )
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    weight_decay: float = Field(1e-4, ge=0, lt=1)
    gradient_clip: float = Field(
        1.0,
        ge=1e-9,
        le=1e9,
        description="largest norm of a step's gradient: fluctuations are heavy-tailed, one batch can kill the net",
    )
    transform: Literal["log", "raw"] = Field(
        "log", description="of the input: log₁₀(D²min + floor), or D²min itself; standardised after that"
    )
    floor: float = Field(
        1e-10,
        ge=1e-30,
        le=1,
        description="ε of the input log₁₀(D²min + ε) [d̄²]; well above the precision of the positions",
    )
    target: Literal["linear", "asinh"] = Field(
        "linear",
        description="of the fluctuation: as it is, or arsinh of it in units of the median size, which gives small"
        " stages as much weight as large ones",
    )
    loss: Literal["mse", "huber", "likelihood"] = Field(
        "mse",
        description="mse: mean squared error; huber: that of small errors, and linear beyond training.huber;"
        " likelihood: of Student's t, with a second output of the network for the scale of each stage, on which the"
        " intervals of predictions rest then. The epoch is chosen by the mean squared error under all of them",
        json_schema_extra=LATER,
    )
    huber: float = Field(
        1.0, ge=1e-6, le=MOST, description="δ of the loss huber, in units of the scaled target", json_schema_extra=LATER
    )
    degrees_of_freedom: float = Field(
        4.0,
        ge=1,
        le=MOST,
        description="ν of the loss likelihood: few for heavy tails, many for Gauss's law",
        json_schema_extra=LATER,
    )
    scale_power: float = Field(
        0.5,
        ge=0,
        le=1,
        description="β of the loss likelihood: 0 is the likelihood itself, under which stages of a large scale hardly"
        " count; with 1 they count as in the mean squared error",
        json_schema_extra=LATER,
    )
    size_weight: float = Field(
        0.0,
        ge=-4,
        le=4,
        description="α of the weight (1 + |Δs|/median)^α of every stage in the loss; above 0 large stages count more,"
        " below 0 small ones",
        json_schema_extra=LATER,
    )
    augment: bool = Field(True, description="random periodic shifts in x and y, and the mirror in y")
    rotate: bool = Field(
        False,
        description="with augment, also the rotation by π about y (x → −x, z → −z), which maps simple shear to itself;"
        " not where gravity or another kind of loading tells top from bottom",
        json_schema_extra=LATER,
    )
    average_symmetries: bool = Field(
        False,
        description="whether a prediction is the mean over the stage as it is and as the mirror, the rotation and both"
        " turn it, at four times the cost of one; of those that augment and rotate let the network see",
        json_schema_extra=LATER,
    )
    threads: int = Field(
        2, ge=1, le=MOST_THREADS, description="processor threads; their number changes the last digits"
    )
    processes: int = Field(
        1, ge=1, le=MOST_THREADS, description="that share every batch, on as many GPUs, or on the processor"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="a GPU where there is one, or as said")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the convolutions; bfloat16 pays on processors that have it and on GPUs"
    )

    @model_validator(mode="after")
    def _enough_for_all(self) -> Self:
        if self.batch_size < 2 * self.processes:
            raise ValueError(
                f"training.batch_size = {self.batch_size} leaves less than two stages to each of"
                f" {self.processes} processes: raise it"
            )
        return self


Ablated = Literal["full", "shuffled", "phases", "pattern", "amplitude", "mask"]


class Ablation(Settings):
    """What is taken away before a network is trained anew; every number beside the untouched `full`."""

    variants: tuple[Ablated, ...] = Field(
        ("full", "shuffled", "phases", "pattern", "amplitude", "mask"),
        description="shuffled: nodes in random order; phases: Fourier phases at random, spectrum kept; pattern: mean"
        " and deviation of the stage taken away; amplitude: every node at the stage's mean; mask: which nodes are the"
        " most active, nothing else",
    )
    active_fraction: float = Field(0.1, ge=1e-6, lt=1, description="nodes of the mask")
    spacings: tuple[Length, ...] = Field(
        (0.5, 1.5, 2.0, 2.5, 3.0),
        max_length=100,
        description="L_grid [d₅₀] beside voxels.spacing, fig. 3c; 0.5 costs eight times the others",
    )
    radii: tuple[Length, ...] = Field(
        (0.8, 1.0, 1.6, 2.0, 2.5, 3.0), max_length=100, description="δ [d₅₀] beside voxels.radius, fig. 3d"
    )
    cell_shares: tuple[Share, ...] = Field(
        (0.5, 0.25), max_length=100, description="parts of the cell's length that are seen"
    )
    training_shares: tuple[Share, ...] = Field(
        (0.5, 0.25, 0.125), max_length=100, description="parts of the training set that are used"
    )
    rules: tuple[Literal["random", "blocked"], ...] = Field(("random", "blocked"), min_length=1)
    seeds: int = Field(3, ge=1, le=1000, description="networks for each line of the table, seeds from training.seed on")
    hours: float | None = Field(
        None,
        gt=0,
        le=MOST,
        description="after which no further line is begun; the same command goes on with the lines that are missing",
    )
    epochs: int | None = Field(None, ge=1, le=MOST, description="of every training; those of training where left out")
    baselines: bool = Field(True, description="boosted trees on hand-made numbers beside the networks")

    def fingerprinted(self) -> dict[str, Any]:
        """Without the hours, which say when a line is trained and not what comes of it."""
        return {name: value for name, value in super().fingerprinted().items() if name != "hours"}


class Search(Settings):
    """Search of settings by the loss on the blocked split's validation set; the test set stays closed."""

    trials: int = Field(20, ge=1, le=MOST)
    epochs: int = Field(15, ge=1, le=MOST, description="of every trial; bad ones are stopped before")
    rule: Literal["random", "blocked"] = "blocked"
    seed: int = Field(1, ge=0, lt=2**31)


class Assessment(Settings):
    """Several seeds under each split, on folds that roll forward in strain, and what the network adds to baselines."""

    seeds: int = Field(5, ge=1, le=1000, description="networks of each line, seeds from training.seed on")
    rules: tuple[Literal["random", "blocked"], ...] = Field(("random", "blocked"), description="beside the folds")
    folds: int = Field(
        4,
        ge=0,
        le=100,
        description="train on the first parts of the strain, two at least, test on the next one; each fold on one more",
    )
    embargo: float = Field(
        0.05,
        ge=0,
        le=MOST,
        description="strain left out between the sets of a fold, and never less than two cycles: the memory of the"
        " stress, over which blocks of statistics are drawn too; where it would take more than a quarter of a part, as"
        " in a short run, that quarter, which is said",
    )
    epochs: int | None = Field(None, ge=1, le=MOST, description="of every training; those of training where left out")
    above: float = Field(
        5e-4,
        ge=0,
        le=MOST,
        description="size of a stage [p] from which on the share of right signs is quoted apart",
        json_schema_extra=LATER,
    )


class Attribution(Settings):
    """Integrated Gradients of stages of the test set, and what they must be compared with to mean anything."""

    n_stages: int = Field(
        200, ge=2, le=MOST, multiple_of=2, description="stages explained, half stick and half slip, over all sizes"
    )
    n_steps: int = Field(
        64, ge=2, le=1024, description="points on the path, doubled until the completeness error is met"
    )
    completeness: float = Field(
        0.01, ge=1e-16, lt=1, description="largest |Σ attribution − prediction difference| over that difference"
    )
    baseline: Literal["profile", "mean", "zero"] = Field(
        "profile",
        description="start of the path: every node at the training stages' mean of its height, at one mean for all"
        " nodes, or at D²min = 0; where grains move in a band, no stage is near a field without one",
    )
    n_compared: int = Field(
        20, ge=2, le=MOST, description="of these stages, those for the slower controls: other methods, layers, deletion"
    )
    n_starts: int = Field(
        200,
        ge=4,
        le=MOST,
        description="stages drawn from the training set, where the paths of Expected Gradients start",
    )
    n_donors: int = Field(
        8, ge=1, le=MOST, description="the first of these, whose values stand in for nodes that are taken out"
    )
    null_epochs: int = Field(5, ge=1, le=MOST, description="of the network that is trained on shuffled fluctuations")
    noise: float = Field(0.1, ge=1e-9, le=1e3, description="of SmoothGrad, in deviations of the input")
    n_noisy: int = Field(8, ge=1, le=1000, description="noisy copies for SmoothGrad")
    occlusion: int = Field(5, ge=1, le=1000, description="edge of the cube of nodes that occlusion hides")
