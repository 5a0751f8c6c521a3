"""Sphinx configuration of the microslip documentation; `make docs` builds it without warnings."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import microslip
from microslip.dem.config import ShearCell
from microslip.dem.native.config import LEAST_MARGIN, MARGIN_STEPS, MOST_MARGIN
from microslip.dem.packing import CLOSEST_CENTRES, LOOSE_SOLID_FRACTION

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "microslip"
author = "The microslip developers"
copyright = "the microslip developers"
release = version = microslip.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "generated_tables",
    "docstrings",
    "mathml",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "generated", "examples"]

# Scripts of docs/examples are run when the pages are built: a script that fails, fails the build.
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("gallery_figures.scrape",),
    "image_srcset": ["2x"],
    "capture_repr": (),
    "show_memory": False,
    # seconds differ from machine to machine
    "min_reported_time": 3600,
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "inspect_global_variables": False,
    "first_notebook_cell": "%matplotlib inline",
}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "substitution"]
myst_heading_anchors = 3

# Single backticks in docstrings mean code.
default_role = "literal"
napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_rtype = False
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 88
nitpicky = False

html_theme = "furo"
html_title = "microslip"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_sphinx = False
html_copy_source = False


def _digits(value: float) -> str:
    """A number in two or three significant digits, as a reader would write it."""
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa.removesuffix('.0')} × 10{raised}"


def _numbers() -> dict[str, str]:
    """What the defaults amount to, worked out by the code itself: a changed default changes the text."""
    default = ShearCell()
    numbers = default.numbers()
    paper_rate = default.model_copy(update={"loading": default.loading.model_copy(update={"shear_rate": 0.1})})
    n_wall = math.prod(default.wall_shape)
    n_x, n_y = default.wall_shape
    per_strain = default.steps_per_sample / default.recording.strain_step
    return {
        "n_bulk": f"{default.n_filled:,}",
        "n_wall": f"{n_wall:,}",
        "n_grains": f"{default.n_grains:,}",
        "wall_x": f"{default.cell.length / n_x:.3f}",
        "wall_y": f"{default.cell.depth / n_y:.3f}",
        "inertial_number": _digits(numbers["inertial_number"]),
        "inertial_number_paper": _digits(paper_rate.numbers()["inertial_number"]),
        "stiffness_number": f"{numbers['stiffness_number']:.0f}",
        "timestep": _digits(numbers["timestep"]),
        "timestep_share": f"{numbers['timestep_over_rayleigh_time']:.2f}",
        "steps_per_sample": str(default.steps_per_sample),
        "steps_per_strain": _digits(per_strain),
        "steps_per_strain_paper": _digits(paper_rate.steps_per_sample / default.recording.strain_step),
        "loose_solid_fraction": f"{LOOSE_SOLID_FRACTION:g}",
        "closest_centres": f"{CLOSEST_CENTRES:g}",
        "wall_thickness": f"{default.cell.wall_thickness:g}",
        "slow_down": f"{default.loading.slow_down:g}",
        "least_margin": f"{LEAST_MARGIN:g}",
        "most_margin": f"{MOST_MARGIN:g}",
        "two_margins": f"{4 * MOST_MARGIN:g}",
        "margin_steps": f"{MARGIN_STEPS:,}",
    }


myst_substitutions = _numbers()
