"""What a command that is stopped says is true of its verb."""

import pytest

from microslip.cli import app
from microslip.cli.stopping import stopped

GOES_ON = {
    *(
        "run",
        "simulate",
        "fields",
        "voxels",
        "statistics",
        "train",
        "explain",
        "ablate",
        "assess",
        "replicas",
        "search",
        "figures",
        "study",
    )
}
BEGINS_ANEW = {"stages", "import", "export", "report", "predict", "view", "ceiling", "pack"}


@pytest.mark.parametrize("verb", sorted(GOES_ON))
def test_a_step_that_keeps_what_is_done_goes_on(verb):
    assert stopped([verb, "run"]) == "stopped; the same command goes on from here"


@pytest.mark.parametrize("verb", sorted(BEGINS_ANEW))
def test_one_that_puts_its_result_in_place_at_its_end_does_not(verb):
    said = stopped([verb, "run"])
    assert "begun anew" in said
    assert "goes on" not in said


def test_a_transfer_goes_on_with_its_trainings_alone():
    assert "trainings go on" in stopped(["transfer"])
    assert "all else is begun anew" in stopped(["transfer"])


def test_every_verb_is_thought_of():
    verbs = {name for name in app if not name.startswith("-")}
    assert verbs == GOES_ON | BEGINS_ANEW | {"transfer", "info", "steps", "claims"}
    assert stopped(["info", "run"]) == stopped([])[: len("stopped")]
