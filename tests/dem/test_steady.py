"""One cut for stages, means, checks and figures: none takes samples of the warm-up that another leaves out."""

import numpy as np
import pytest

from microslip.config import Config
from microslip.dem.steady import steady_sample, steady_sample_of

STEP = 1e-3
STRAIN = STEP * np.arange(1001)


def config(of_loading=0.2, **stages):
    return Config.model_validate(
        {"loading": {"strain": 1.0, "warm_up": of_loading}, "recording": {"strain_step": STEP}, "stages": stages}
    )


@pytest.mark.parametrize(
    ("stages", "first"),
    [({}, 200), ({"warm_up": 0.35}, 350), ({"warm_up": 0.05}, 200), ({"warm_up": 0.0}, 200)],
    ids=["the loading's", "a later one", "an earlier one", "none"],
)
def test_the_later_of_both_warm_ups_counts(stages, first):
    own = config(**stages)
    assert own.steady_sample(STRAIN) == first
    # a figure or a report knows the resolved settings alone
    assert steady_sample_of(own.model_dump(mode="json", exclude_none=True), STRAIN, imported=False) == first


def test_an_imported_run_has_the_warm_up_of_its_stages_alone():
    own = config(0.2)
    later = own.model_copy(update={"stages": own.stages.model_copy(update={"warm_up": 0.1})})
    strain = 0.5 + STRAIN
    assert steady_sample(strain, later.stages.warm_up, None) == 100
    assert steady_sample(strain, own.stages.warm_up, None) == 0
    assert steady_sample(np.empty(0), later.stages.warm_up, None) == 0
    assert steady_sample_of(later.model_dump(mode="json", exclude_none=True), strain, imported=True) == 100


def test_settings_of_another_version_leave_the_warm_up_of_the_loading():
    settings = {"loading": {"warm_up": 0.2, "unheard_of": 1}}
    assert steady_sample_of(settings, STRAIN, imported=False) == 200
    assert steady_sample_of(settings, STRAIN, imported=True) == 0
    assert steady_sample_of({}, STRAIN, imported=True) == 0


def test_the_smoothing_of_the_stages_goes_before_that_of_the_recording():
    own = {"recording": {"smoothing": "ewma", "smoothing_span": 7}}
    assert Config.model_validate(own).stage_smoothing == ("ewma", 7)
    assert Config.model_validate(own | {"stages": {"smoothing": "median"}}).stage_smoothing == ("median", 7)
    assert Config.model_validate(own | {"stages": {"smoothing": "none"}}).stage_smoothing is None
    assert Config().stage_smoothing is None
