import pytest

from microslip.core.units import Units, inertial_number, rayleigh_time, stiffness_number


def test_the_papers_inertial_number():
    # Mei et al. 2023: 0.1 /s, 1 mm, 2900 kg/m³, 10 MPa
    assert inertial_number(0.1, 1e-3, 2900, 10e6) == pytest.approx(1.7e-6, rel=0.01)


def test_rayleigh_time_of_a_millimetre_of_glass():
    # π·0.5 mm·√(2900/26 GPa)/0.9174
    assert rayleigh_time(1e-3, 2900, 65e9, 0.25) == pytest.approx(5.718e-7, rel=1e-3)


def test_stiffness_number_is_typical_overlap_inverted():
    assert stiffness_number(65e9, 0.25, 10e6) == pytest.approx(363.6, rel=1e-3)


def test_energy_unit():
    assert Units(1e-3, 10e6).energy == pytest.approx(1e-2)
