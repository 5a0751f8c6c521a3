"""The page in a real browser: what each control and key does, links, and who can use it."""

from __future__ import annotations

import re

import numpy as np
import pytest

WIDE, NARROW = (1280, 900), (390, 844)
# Reading the picture back is slow, and the driver says so.
READ_BACK = r"GPU stall due to ReadPixels"


def bands(page):
    """Columns in which the stages are shaded above the curve, and which of those columns are slips."""
    row = page.drawn("#curve")[13]
    shaded = np.flatnonzero(np.ptp(row, axis=1) > 12)
    return shaded, row[shaded, 0] > row[shaded, 2]


def count_bands(page):
    _, slip = bands(page)
    return 1 + np.count_nonzero(np.diff(slip.astype(int)))


def middle_of(page, stage):
    """Where on the canvas of the whole curve the middle of a stage lies: stages are of one length here."""
    shaded, _ = bands(page)
    left, right = shaded[0], shaded[-1] + 1
    return {"x": left + (stage + 0.5) / 48 * (right - left), "y": 60}


def test_a_click_on_the_curve_chooses_the_stage(visit, address, explored):
    page = visit(address + "#stage=20")
    page.ready(20)
    kinds = explored.stages["kind"]
    assert page.text("#stage-title") == f"Stage 20, {kinds[20]}"
    page.click("#zoom-all")
    assert count_bands(page) == 48
    for stage in (41, 0, 47, 14):
        page.locator("#curve").click(position=middle_of(page, stage))
        assert page.text("#stage-title") == f"Stage {stage}, {kinds[stage]}"
        page.ready(stage)
    assert page.url.endswith("#stage=14")
    # the chosen band is the darkest of its kind
    shaded, slip = bands(page)
    row = page.drawn("#curve")[13][shaded].sum(axis=1)
    chosen = shaded[slip == (kinds[14] == "slip")][row[slip == (kinds[14] == "slip")].argmin()]
    assert abs(chosen - middle_of(page, 14)["x"]) < (shaded[-1] - shaded[0]) / 48
    facts = page.text("#facts")
    row = explored.stages.iloc[14]
    told = dict(zip(*[iter(page.locator("#facts").locator("dt, dd").all_inner_texts())] * 2, strict=True))
    assert page.numbers_in(told["strain"]) == pytest.approx([row["start_strain"], 0.005], rel=0.01)
    assert page.numbers_in(told["true Δs"]) == pytest.approx([row["fluctuation"]], rel=0.01)
    of_stage = explored.predictions.query("stage == 14").set_index("rule")
    for rule in ("random", "blocked"):
        prediction = of_stage.loc[rule]
        said = told[f"predicted, {rule} split"]
        assert page.numbers_in(said)[0] == pytest.approx(prediction["prediction"], rel=0.01)
        assert said.endswith(f"{prediction['split']} set")
        assert ("[" in said) == (rule == "random")
    assert "not made" in facts


def test_the_curve_zooms_and_moves(visit, address):
    page = visit(address + "#stage=24")
    page.ready(24)
    page.click("#zoom-all")
    assert count_bands(page) == 48
    page.click("#zoom-in")
    assert count_bands(page) in (24, 25)
    page.locator("body").press("+")
    assert count_bands(page) in (12, 13)
    page.locator("body").press("-")
    page.click("#zoom-out")
    assert count_bands(page) == 48
    # the wheel, about the pointer
    page.locator("#curve").hover(position=middle_of(page, 2))
    page.mouse.wheel(0, -900)
    page.wait_for_function("() => explorer.state().stage === 24")
    assert 8 < count_bands(page) < 20
    page.locator("#curve").click(position={"x": 120, "y": 60})
    assert page.state()["stage"] < 10
    # a drag moves the curve, and chooses nothing
    before, seen = page.state()["stage"], page.drawn("#curve")
    bounds = page.locator("#curve").bounding_box()
    page.mouse.move(bounds["x"] + 300, bounds["y"] + 80)
    page.mouse.down()
    page.mouse.move(bounds["x"] + 200, bounds["y"] + 80, steps=4)
    page.mouse.up()
    assert page.state()["stage"] == before
    assert np.abs(page.drawn("#curve") - seen).mean() > 1
    page.locator("#curve").dblclick(position={"x": 300, "y": 60})
    assert count_bands(page) == 48
    # the strip goes anywhere
    page.click("#zoom-stage")
    strip = page.locator("#strip").bounding_box()
    before = page.drawn("#curve")
    page.locator("#strip").click(position={"x": strip["width"] - 30, "y": 10})
    assert np.abs(page.drawn("#curve") - before).mean() > 1


def test_every_key_does_what_the_help_says(visit, address):
    page = visit(address + "#stage=20")
    page.ready(20)

    def pressed(key):
        page.keyboard.press(key)
        return page.state()

    assert [pressed(key)["stage"] for key in ("ArrowRight", "ArrowRight", "ArrowLeft")] == [21, 22, 21]
    assert [pressed(key)["stage"] for key in ("PageDown", "PageDown", "PageDown", "PageUp")] == [31, 41, 47, 37]
    assert [pressed(key)["stage"] for key in ("Home", "ArrowLeft", "End", "ArrowRight")] == [0, 0, 47, 47]
    assert page.locator("#next").is_disabled()
    assert page.input_value("#number") == "47"
    page.ready(47)
    assert [pressed("f")["end"], pressed("f")["end"]] == [True, False]
    assert [pressed("a")["arrows"], pressed("a")["arrows"]] == [True, False]
    assert [pressed("[")["top"], pressed("[")["top"], pressed("]")["top"], pressed("]")["top"]] == [950, 900, 950, 1000]
    assert pressed("]")["top"] == 1000
    assert page.input_value("#top") == "1000"
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.ready(3)
    fields = [pressed("c")["colour"] for _ in range(8)]
    assert fields[0] == "attribution"
    assert fields[-1] == "d2min"
    assert len(set(fields)) == 8
    page.ready(3)
    first = page.shot("#scene")
    seen = [first]
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):
        page.keyboard.press(f"Shift+{key}")
        seen.append(page.shot("#scene"))
        assert np.abs(seen[-1] - seen[-2]).mean() > 2, key
    # turned there and back
    assert np.abs(seen[-1] - first).mean() < 0.5
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("0")
    assert np.abs(page.shot("#scene") - first).mean() < 0.5
    assert page.state()["stage"] == 3
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    # what is typed into the help changes nothing behind it
    assert pressed("ArrowRight")["stage"] == 3
    page.keyboard.press("Escape")
    assert page.locator("#help").is_hidden()
    # nor what belongs to the browser
    assert pressed("Control+ArrowRight")["stage"] == 3
    assert pressed("Alt+f")["end"] is False


def test_a_number_chooses_the_stage(visit, address):
    page = visit(address + "#stage=20")
    for typed, stage in (("33", 33), ("999", 47), ("-4", 0), ("7.6", 8), ("", 0)):
        page.fill("#number", typed)
        page.press("#number", "Enter")
        assert page.state()["stage"] == stage
        assert page.input_value("#number") == str(stage), typed
    # keys within the field are the field's own
    page.press("#number", "ArrowUp")
    page.press("#number", "f")
    assert page.state()["end"] is False


def rows_of(page):
    """All rows of the list, page after page."""
    found = []
    while True:
        found += [row.split("\t") for row in page.locator("#table-body tr").all_inner_texts()]
        if page.locator("#page-on").is_disabled():
            return found
        page.click("#page-on")


def test_the_list_sorts_filters_and_turns_its_pages(visit, address, explored):
    page = visit(address + "#stage=20")
    stages = explored.stages
    predictions = explored.predictions.query("rule == 'random'")
    error = (predictions["prediction"] - predictions["target"]).abs().to_numpy()
    size = stages["fluctuation"].abs().to_numpy()
    # the page of the chosen stage
    assert page.text("#page-of") == "16–30 of 48"
    assert page.locator("#table-body tr.chosen").inner_text().startswith("20")

    def order():
        return [int(row[0]) for row in rows_of(page)]

    page.click("#page-back")
    assert order() == list(range(48))
    for column, values in (("size", size), ("error", error), ("predicted", predictions["prediction"].to_numpy())):
        page.click(f"[data-column={column}]")
        np.testing.assert_array_equal(order(), np.argsort(-values.astype("float32"), kind="stable"))
        assert page.locator("th[aria-sort=descending]").inner_text().startswith(page.text(f"[data-column={column}]"))
        assert page.locator("th[aria-sort=descending]").count() == 1
    page.click("[data-column=error]")
    page.click("[data-column=error]")
    # the headings are made anew, and the focus stays
    assert page.evaluate("document.activeElement.dataset.column") == "error"
    np.testing.assert_array_equal(order(), np.argsort(error.astype("float32"), kind="stable"))
    # what the rows say
    page.click("[data-column=size]")
    largest = rows_of(page)[0]
    assert page.numbers_in(largest[3])[0] == pytest.approx(stages["fluctuation"][int(largest[0])], rel=0.06)
    assert page.numbers_in(largest[5])[0] == pytest.approx(error[int(largest[0])], rel=0.06)
    for wanted, expected in (
        ("stick", stages.index[stages["kind"] == "stick"]),
        ("slip", stages.index[stages["kind"] == "slip"]),
        ("test", predictions.loc[predictions["split"] == "test", "stage"]),
        ("explained", explored.attributions["stage"].to_numpy()),
    ):
        page.select_option("#filter", wanted)
        assert set(order()) == set(expected), wanted
        assert page.text("#page-of").endswith(f"of {len(expected)}")
    page.click("#table-body tr >> nth=2")
    chosen = int(page.locator("#table-body tr >> nth=2").inner_text().split("\t")[0])
    assert page.state()["stage"] == chosen
    assert page.locator("#table-body tr.chosen").inner_text().split("\t")[0] == str(chosen)
    # the other split has other predictions
    page.select_option("#filter", "all")
    page.select_option("#rule", "blocked")
    blocked = explored.predictions.query("rule == 'blocked'")
    worse = (blocked["prediction"] - blocked["target"]).abs().to_numpy()
    page.click("[data-column=error]")
    np.testing.assert_array_equal(order(), np.argsort(-worse.astype("float32"), kind="stable"))


def test_a_click_on_a_point_chooses_its_stage(visit, address, explored):
    page = visit(address + "#stage=20")
    page.locator("#scatter").scroll_into_view_if_needed()
    fluctuation = explored.stages["fluctuation"].to_numpy()
    seen = page.drawn("#scatter")
    rows, columns = np.nonzero(np.ptp(seen, axis=2) > 40)
    for end, stage in ((columns.argmax(), fluctuation.argmax()), (columns.argmin(), fluctuation.argmin())):
        page.locator("#scatter").click(position={"x": int(columns[end]), "y": int(rows[end])})
        assert page.state()["stage"] == stage
    # nothing lies in the corner
    page.locator("#scatter").click(position={"x": 70, "y": 12})
    assert page.state()["stage"] == fluctuation.argmin()


def test_a_link_opens_what_was_looked_at(visit, address):
    page = visit(address, expect=(READ_BACK,))
    page.fill("#number", "31")
    page.press("#number", "Enter")
    page.select_option("#colour", "delta_sigma1")
    page.slide("top", 500)
    page.select_option("#rest", "hide")
    page.select_option("#cut", "sz")
    page.slide("at", 333)
    page.slide("gain", 70)
    page.click("#flip")
    page.uncheck("#walls")
    page.check("#keep")
    page.select_option("#rule", "blocked")
    page.ready(31, "delta_sigma1")
    other = visit(page.url, expect=(READ_BACK,))
    other.ready(31, "delta_sigma1")
    assert other.state() == page.state()
    assert other.url == page.url
    assert other.text("#counted") == page.text("#counted")
    assert other.text("#facts") == page.text("#facts")
    assert other.locator("#rule").input_value() == "blocked"
    np.testing.assert_array_equal(other.picture(), page.picture())
    # a link of somebody else, opened in the same tab
    other.evaluate("location.hash = '#stage=12&colour=cluster'")
    other.ready(12, "cluster")
    fresh = visit(address + "#stage=12&colour=cluster")
    assert other.state() == fresh.state()
    assert other.text("#stage-title") == "Stage 12, stick"


@pytest.mark.parametrize(
    "link",
    [
        "stage=1e9&colour=<script>alert(1)</script>&at=-5&top=NaN&gain=1e99&cut=w&rest=all&rule=none&end=1&arrows=<b>",
        "stage=-1&colour=__proto__&at=Infinity&top=&rest=__proto__&cut=constructor",
        "stage=NaN&stage=Infinity&__proto__=1&constructor=2&%E0%A4%A&&&===&colour=%00",
    ],
)
def test_a_hostile_link_shows_something_sensible(visit, address, link):
    page = visit(f"{address}#{link}")
    now = page.state()
    assert now["colour"] == "d2min"
    assert now["stage"] in (0, 7, 47)
    assert (now["cut"], now["rest"], now["rule"]) == ("none", "fade", "random")
    assert 0 <= now["at"] <= 1000
    assert 0 <= now["top"] <= 1000
    assert 0 <= now["gain"] <= 100
    assert not page.locator("script:not([src])").count()
    assert "script" not in page.url
    assert re.search(r"grains shown", page.text("#counted"))
    assert page.numbers("#stage-title") == [now["stage"]]


def test_the_slider_leaves_the_most_active_grains(visit, address, explored):
    page = visit(address + "#stage=9")
    values = explored.fields["d2min"][9].to_numpy()
    known = np.isfinite(values).sum()
    page.select_option("#rest", "hide")
    for place in (100, 316, 700, 999):
        page.slide("top", place)
        share = (place / 1000) ** 2
        expected = np.count_nonzero((np.arange(known) + 0.5) / known <= share)
        assert page.numbers("#counted")[:2] == [expected, 208]
        assert page.numbers("#top-value")[0] == pytest.approx(100 * share, rel=0.06)
    page.slide("top", 0)
    assert page.numbers("#counted")[0] == 0
    page.select_option("#rest", "fade")
    assert page.numbers("#counted")[0] == 208
    page.slide("top", 1000)
    assert page.text("#top-value") == "all"


def test_a_kept_scale_stays_from_stage_to_stage(visit, address):
    page = visit(address + "#stage=9")
    low = page.text("#scale-low")
    page.click("#next")
    page.ready(10)
    assert page.text("#scale-low") != low
    page.click("#previous")
    page.ready(9)
    page.check("#keep")
    page.click("#next")
    page.ready(10)
    assert page.text("#scale-low") == low
    page.select_option("#colour", "shear_strain")
    page.ready(10, "shear_strain")
    assert page.text("#scale-low") != low


def test_light_and_dark(visit, address):
    page = visit(address + "#stage=9")
    assert page.text("#theme") == "Dark"
    light = {part: page.shot(part) for part in ("#curve", "#scene")}
    page.click("#theme")
    for part, before in light.items():
        assert page.shot(part).mean() < before.mean() - 60, part
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    # kept by the browser, against what the system says
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.text("#theme") == "Light"
    assert page.shot("#scene").mean() < light["#scene"].mean() - 60
    page.click("#theme")
    np.testing.assert_allclose(page.shot("#curve"), light["#curve"], atol=3)
    # a system that is dark, and a reader who said nothing
    dark = visit(address + "#stage=9", scheme="dark")
    assert dark.text("#theme") == "Light"
    assert dark.shot("#scene").mean() < light["#scene"].mean() - 60


@pytest.mark.parametrize("size", [NARROW, (320, 640), WIDE], ids=["phone", "small phone", "wide"])
def test_everything_fits_and_is_reachable(visit, address, size):
    page = visit(address + "#stage=9", size=size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    outside = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas, h1, h2, p, dt, dd, figure, output")]
            .filter((one) => !one.closest(".scroll, dialog, .skip") && one.checkVisibility())
            .map((one) => [one.id || one.textContent, one.getBoundingClientRect()])
            .filter(([, { left, right, width }]) => width === 0 || left < 0 || right > innerWidth)
            .map(([name]) => name)"""
    )
    assert outside == []
    # a wide table scrolls by itself, by keys too
    scroll = page.locator(".scroll")
    assert scroll.get_attribute("tabindex") == "0"
    for part in ("#curve", "#scene", "#scatter", "#page-on"):
        page.locator(part).scroll_into_view_if_needed()
        assert page.locator(part).is_visible()
    page.click("#next")
    page.ready(10)
    assert np.ptp(page.shot("#scene"), axis=2).max() > 100


def test_axe_finds_nothing(visit, address, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = visit(address + "#stage=9", size=WIDE)
    found = {}

    def check(name):
        page.settled()
        result = axe.Axe().run(page)
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        if result.violations_count:
            found[name] = result.generate_report()

    for scheme in ("light", "dark"):
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": size[0], "height": size[1]})
            check(f"{scheme} {width}")
        page.click("#help-open")
        check(f"{scheme} help")
        page.keyboard.press("Escape")
    assert found == {}, "\n".join(found.values())


def test_the_keyboard_alone_reaches_every_control(visit, address):
    page = visit(address + "#stage=9&cut=x")
    wanted = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input, select, [tabindex='0']")]
            .filter((one) => !one.closest("dialog") && !one.disabled && (one.checkVisibility() || one.matches(".skip")))
            .map((one, i) => { one.dataset.order = i; return one.id || one.className || one.textContent; })"""
    )
    reached, unseen = [], []
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        at, visible = page.evaluate(
            """() => {
                const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                return [document.activeElement.dataset.order, outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
            }"""
        )
        if at is None:
            break
        reached.append(int(at))
        if not visible:
            unseen.append(wanted[int(at)])
    # all of them, in the order in which they are read, and the focus can be seen on each
    assert [wanted[i] for i in reached] == wanted
    assert unseen == []
    assert len(wanted) > 40
    # the first leads past the rest
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "stage-title"
    # a control that was reached works
    page.locator("#flip").focus()
    page.keyboard.press("Space")
    assert page.state()["end"] is True
    page.locator("#table-body button >> nth=3").focus()
    page.keyboard.press("Enter")
    assert page.state()["stage"] == 3
