import numpy as np
import pytest
from jaxtyping import TypeCheckError

from microslip.learn.evaluate import r_squared


def test_shapes_in_the_types_are_checked_while_the_tests_run():
    with pytest.raises(TypeCheckError, match="stage"):
        r_squared(np.zeros(3), np.zeros(4))
