"""The drawn picture in a real browser, pixel by pixel against what numpy expects of the run's values."""

from __future__ import annotations

import matplotlib.image
import numpy as np
import pytest
from matplotlib import colormaps

WIDE = (1280, 900)
# Reading the picture back is slow, and the driver says so.
READ_BACK = r"GPU stall due to ReadPixels"


def placed(run, stage):
    frame = int(run.stages["start_frame"][stage])
    return run.box.wrap(run.frames["position"][frame].to_numpy())


AXES = {
    "front": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "side": np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "top": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
}
PAPER, NONE, WALL = np.array([255, 255, 255]), np.array([0xD5, 0xDA, 0xE0]), np.array([0x5B, 0x66, 0x75])


def coloured(values, scale, low=None, high=None, colours=None):
    """Colour of every grain; the limits are quantiles of the values themselves."""
    found = np.tile(NONE, (len(values), 1))
    known = np.isfinite(values)
    if scale == "log":
        positive = values[known & (values > 0)]
        low, high = np.log10(np.quantile(positive, [0.05, 0.995]))
        values = np.log10(np.where(values == 0, positive.min(), values))
    elif scale == "signed":
        high = np.quantile(np.abs(values[known]), 0.995)
        low = -high
    elif scale == "linear":
        low, high = np.quantile(values[known], [0.01, 0.99])
    place = np.clip(np.floor(256 * (values[known] - low) / (high - low)), 0, 255).astype(int)
    found[known] = np.rint(255 * colormaps[colours](place)[:, :3])
    return found


def pixels_per_diameter(seen, run, stage, view):
    """From how far the picture of all grains reaches up and down."""
    covered = np.flatnonzero((np.abs(seen - PAPER).sum(axis=2) > 30).any(axis=1))
    up = placed(run, stage) @ AXES[view][1]
    radius = run.grains["diameter"].to_numpy() / 2
    return (covered[-1] - covered[0] + 1) / ((up + radius).max() - (up - radius).min())


def check_picture(seen, run, places, colours, shown, view, scale, *, flat=False):
    """Every grain that can be seen has its place and its colour, and nothing else is drawn; how many were seen."""
    height, width = seen.shape[:2]
    radius = run.grains["diameter"].to_numpy() / 2
    right, up, towards = ((places - np.array(run.box.lengths) / 2) @ AXES[view].T).T
    x, y = width / 2 + scale * right, height / 2 - scale * up
    nearest, inner = np.full((height, width), -np.inf), np.full((height, width), np.inf)
    owner, beside = np.full((height, width), -1), np.ones((height, width), dtype=bool)
    for grain in np.flatnonzero(shown):
        reach = scale * radius[grain]
        window = tuple(
            slice(max(0, int(middle - reach - 4)), max(0, int(middle + reach + 5))) for middle in (y[grain], x[grain])
        )
        row, column = (np.arange(size)[part] + 0.5 for size, part in zip((height, width), window, strict=True))
        away = np.hypot(row[:, None] - y[grain], column - x[grain])
        beside[window] &= away > reach + 2
        # discs lie before each other as their centres do
        bulge = 0 * away if flat else np.sqrt(np.clip(reach**2 - away**2, 0, None)) / scale
        front = towards[grain] + bulge
        mine = (away < reach) & (front > nearest[window])
        for whole, part in ((nearest, front), (inner, away / reach), (owner, np.full(away.shape, grain))):
            whole[window][mine] = part[mine]
    wrong, looked_at = [], 0
    for grain in np.flatnonzero(shown):
        mine = seen[(owner == grain) & (inner < 0.75)]
        if len(mine) < 30:
            continue
        looked_at += 1
        # lit more or less, but of the grain's own colour
        base = colours[grain].astype(float)
        light = mine @ base / (base @ base)
        off = np.median(np.linalg.norm(mine - light[:, None] * base, axis=1))
        if off > 16 or not 0.3 < np.median(light) < 1.3:
            wrong.append((int(grain), base.tolist(), np.median(mine, axis=0).tolist()))
    assert wrong == []
    # the grains reach to their rims
    pale = np.abs(colours - PAPER).sum(axis=1) < 150
    covered = seen[(inner < 0.92) & ~pale[owner]]
    assert (np.abs(covered - PAPER).sum(axis=1) < 12).mean() < 0.01
    # nothing but the cell's edges lies beside the grains
    assert (np.abs(seen[beside] - PAPER).sum(axis=1) < 12).mean() > 0.97
    return looked_at


def is_bulk(run):
    return run.grains["kind"].to_numpy() == 0


def test_it_loads_and_draws_every_sphere_in_its_place_and_colour(visit, address, explored, tmp_path):
    page = visit(address + "#stage=9", size=WIDE, expect=(READ_BACK,))
    page.ready(9)
    assert page.title() == "small · microslip"
    said = page.text("#sentence")
    assert page.numbers_in(said)[:3] == [208, 48, 48]
    assert "test R² 0.873 (random split)" in said
    assert "test R² 0.642 (blocked split)" in said
    assert page.text("#counted") == "208 of 208 grains shown"
    assert page.evaluate("explorer.drawer()") == "WebGL"
    assert page.locator("#notes .note").count() == 0
    assert page.locator("#scene-message").is_hidden()
    bulk, all_of_them = is_bulk(explored), np.ones(208, dtype=bool)
    colours = coloured(explored.fields["d2min"][9].to_numpy(), "log", colours="plasma")
    colours[~bulk] = WALL
    for view, at_least in (("front", 70), ("side", 40), ("top", 30)):
        page.click(f"[data-view={view}]")
        seen = page.picture()
        matplotlib.image.imsave(tmp_path / f"{view}.png", seen.astype(np.uint8))
        scale = pixels_per_diameter(seen, explored, 9, view)
        assert check_picture(seen, explored, placed(explored, 9), colours, all_of_them, view, scale) > at_least
    # without walls those below are seen from above
    page.uncheck("#walls")
    assert page.text("#counted") == "160 of 208 grains shown"
    assert check_picture(page.picture(), explored, placed(explored, 9), colours, bulk, "top", scale) > 40


def test_colours_follow_the_field(visit, address, explored):
    page = visit(address + "#stage=9&walls=false", expect=(READ_BACK,))
    page.ready(9)
    options = page.locator("#colour option")
    assert [options.nth(i).get_attribute("value") for i in range(options.count())] == [
        "d2min", "attribution", "shear_strain", "volumetric_strain", "delta_sigma1", "delta_energy", "packing_fraction",
        "cluster",
    ]  # fmt: skip
    page.click("[data-view=front]")
    page.check("#walls")
    scale = pixels_per_diameter(page.picture(), explored, 9, "front")
    page.uncheck("#walls")
    bulk, before = is_bulk(explored), None
    fields = page.evaluate("fetch('data/run.json').then((answer) => answer.json())")["fields"]
    for field, kind, colours, unit in (
        ("shear_strain", "log", "plasma", ""),
        ("delta_sigma1", "signed", "RdBu_r", "p"),
        ("packing_fraction", "linear", "viridis", ""),
    ):
        page.select_option("#colour", field)
        page.ready(9, field)
        values = explored.fields[field][9].to_numpy()
        seen = page.picture()
        assert before is None or np.abs(seen - before).mean() > 2
        before = seen
        expected = coloured(values, kind, colours=colours)
        assert check_picture(seen, explored, placed(explored, 9), expected, bulk, "front", scale) > 60
        known = values[np.isfinite(values)]
        ends = {
            "log": np.quantile(known, [0.05, 0.995]),
            "signed": np.quantile(np.abs(known), 0.995) * np.array([-1, 1]),
            "linear": np.quantile(known, [0.01, 0.99]),
        }[kind]
        told = [page.numbers(f"#scale-{end}")[0] for end in ("low", "high")]
        np.testing.assert_allclose(told, ends, rtol=0.06)
        assert page.text("#scale-title").startswith(next(one["title"] for one in fields if one["name"] == field))
        assert (f"[{unit}]" in page.text("#scale-title")) == bool(unit)
        assert ("logarithmic" in page.text("#scale-title")) == (kind == "log")


def test_hidden_and_cut_grains_are_those_that_are_not_drawn(visit, address, explored):
    page = visit(address + "#stage=9", expect=(READ_BACK,))
    page.click("[data-view=front]")
    scale = pixels_per_diameter(page.picture(), explored, 9, "front")
    places = placed(explored, 9)
    values = explored.fields["d2min"][9].to_numpy()
    colours = coloured(values, "log", colours="plasma")
    colours[~is_bulk(explored)] = WALL
    for cut, place in (("x", 500), ("y", 300), ("z", 617), ("sx", 120), ("sy", 500), ("sz", 900)):
        page.select_option("#cut", cut)
        page.slide("at", place)
        axis = "xyz".index(cut[-1])
        at = place / 1000 * explored.box.lengths[axis]
        assert page.numbers("#at-value")[0] == pytest.approx(at, rel=0.01)
        away = places[:, axis] - at
        # the reader looks along y: what is cut is what lies before the plane
        shown = np.abs(away) <= 0.6 if len(cut) == 2 else away > 0 if cut == "y" else away <= 0
        assert page.numbers("#counted")[0] == shown.sum()
        if cut in ("y", "sy", "x"):
            assert check_picture(page.picture(), explored, places, colours, shown, "front", scale) > 20
    page.select_option("#cut", "none")
    page.slide("top", 500)
    page.select_option("#rest", "hide")
    ranked = np.argsort(np.argsort(-np.nan_to_num(values, nan=-1)))
    active = np.isfinite(values) & ((ranked + 0.5) / np.isfinite(values).sum() <= 0.25)
    assert page.numbers("#counted")[0] == active.sum()
    assert check_picture(page.picture(), explored, places, colours, active, "front", scale) > 20


def test_a_picked_grain_says_its_values(visit, address, explored):
    page = visit(address + "#stage=9&walls=false", expect=(READ_BACK,))
    page.check("#walls")
    page.click("[data-view=front]")
    scale = pixels_per_diameter(page.picture(), explored, 9, "front")
    page.uncheck("#walls")
    places, bulk = placed(explored, 9), is_bulk(explored)
    values = explored.fields["d2min"][9].to_numpy()
    radius = explored.grains["diameter"].to_numpy() / 2
    # the one before all others
    grain = int(np.where(bulk, places[:, 1] - radius, np.inf).argmin())
    bounds = page.locator("#scene").bounding_box()
    middle = (np.array([places[grain, 0], -places[grain, 2]]) - [5, -4]) * scale
    position = {"x": bounds["width"] / 2 + middle[0], "y": bounds["height"] / 2 + middle[1]}
    page.locator("#scene").click(position=position)
    lines = page.text("#picked").split("\n")
    lines = [line for line in lines if line]
    assert lines[0] == f"Grain {1000 + grain}, bulk"
    assert page.numbers_in(lines[1]) == pytest.approx([*places[grain], 2 * radius[grain]], rel=0.01, abs=0.001)
    assert page.numbers_in(lines[2].split(":")[1])[0] == pytest.approx(values[grain], rel=0.01)
    rank = (np.count_nonzero(values > values[grain]) + 0.5) / np.isfinite(values).sum()
    assert page.numbers_in(lines[3])[0] == pytest.approx(100 * rank, rel=0.06)
    # its rim stands out
    seen = page.picture()
    page.locator("#scene").click(position={"x": 4, "y": 4})
    assert page.locator("#picked").is_hidden()
    assert np.abs(page.picture() - seen).any(axis=2).sum() > 20
    # a drag turns the grains, and picks none
    before = page.picture()
    page.locator("#scene").scroll_into_view_if_needed()
    bounds = page.locator("#scene").bounding_box()
    page.mouse.move(bounds["x"] + position["x"], bounds["y"] + position["y"])
    page.mouse.down()
    page.mouse.move(bounds["x"] + position["x"] + 60, bounds["y"] + position["y"] + 20, steps=3)
    page.mouse.up()
    assert page.locator("#picked").is_hidden()
    assert np.abs(page.picture() - before).mean() > 2


def test_the_end_of_the_stage_and_arrows_show_the_motion(visit, address, explored):
    page = visit(address + "#stage=9", expect=(READ_BACK,))
    page.click("[data-view=front]")
    start = page.picture()
    scale = pixels_per_diameter(start, explored, 9, "front")
    moved = explored.fields["displacement"][9].to_numpy().astype(float)
    sizes = np.sort(np.linalg.norm(moved, axis=1))
    sizes = sizes[sizes > 0]
    # all but the fastest hundredth move less than a diameter
    gain = 1 / sizes[int(0.99 * (len(sizes) - 1))]
    assert page.numbers("#gain-value")[0] == pytest.approx(gain, rel=0.06)
    page.click("#flip")
    assert page.get_attribute("#flip", "aria-pressed") == "true"
    colours = coloured(explored.fields["d2min"][9].to_numpy(), "log", colours="plasma")
    colours[~is_bulk(explored)] = WALL
    everyone, places = np.ones(208, dtype=bool), placed(explored, 9)
    end = page.picture()
    assert np.abs(end - start).mean() > 2
    assert check_picture(end, explored, places + gain * moved, colours, everyone, "front", scale) > 60
    page.slide("gain", 0)
    assert page.numbers("#gain-value") == [1]
    assert check_picture(page.picture(), explored, places + moved, colours, everyone, "front", scale) > 60
    page.slide("gain", 100)
    assert page.numbers("#gain-value")[0] == pytest.approx(10 * gain, rel=0.06)
    page.slide("gain", 50)
    page.click("#flip")
    np.testing.assert_array_equal(page.picture(), start)
    page.check("#arrows")
    seen = page.picture()
    dark = (np.abs(seen - [0x1F, 0x29, 0x33]).sum(axis=2) < 12).sum()
    assert dark > 300
    # smaller grains leave more of the paper
    assert (seen == 255).all(axis=2).sum() > 1.3 * (start == 255).all(axis=2).sum()
    page.uncheck("#walls")
    assert (page.picture() == 255).all(axis=2).sum() > (seen == 255).all(axis=2).sum()


def test_clusters_have_their_own_colours(visit, address, explored):
    page = visit(address + "#stage=9&colour=cluster&top=316&rest=hide")
    page.ready(9, "cluster")
    assert page.text("#scale-low") == "1"
    label = np.asarray(explored.fields["d2min"][9])
    assert np.isfinite(label).any()
    assert page.numbers("#counted")[0] == 16
    seen = page.shot("#scene")
    first = np.array([0xD5, 0x5E, 0x00])
    light = seen @ first / (first @ first)
    assert (np.linalg.norm(seen - light[..., None] * first, axis=2) < 12)[light > 0.4].sum() > 100
