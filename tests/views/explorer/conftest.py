"""A small run with everything that the page shows, its server, and its parts unpacked by numpy alone."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import zarr

from microslip import Box, artificial
from microslip.data.files import write_json, write_table
from microslip.data.run import Run
from microslip.data.step_state import StepState
from microslip.data.store import add_array, create_store
from microslip.data.trajectory import SERIES
from microslip.views.explorer.serving import page_server

N_STAGES, N_WALL = 48, 24
BOX = np.array([10.0, 5.0, 8.0])
EXPLAINED = [3, 8, 9, 20, 31, 40]
# Few stages in a chunk, so that a damaged one leaves most of them whole.
PER_CHUNK = 6
SAMPLES = 50


def write_run(folder: Path, *, n_stages: int = N_STAGES, stress: bool = True, imported: bool = False) -> Run:
    """Grains on a jittered lattice between two walls, sheared and shaken; slips and sticks of many sizes in turn."""
    rng = np.random.default_rng(20270211)
    folder.mkdir(parents=True)
    sites = np.stack(np.meshgrid(np.arange(8), np.arange(4), np.arange(5), indexing="ij"), axis=-1).reshape(-1, 3)
    bulk = (sites + 0.5) * BOX / (8, 4, 5) + rng.uniform(-0.15, 0.15, sites.shape)
    wall = np.stack(np.meshgrid(np.arange(8), np.arange(3), indexing="ij"), axis=-1).reshape(-1, 2)
    wall = (wall + 0.5) * BOX[:2] / (8, 3)
    first = np.concatenate([
        bulk,
        np.column_stack([wall, np.full(N_WALL, -0.4)]),
        np.column_stack([wall, np.full(N_WALL, BOX[2] + 0.4)]),
    ])  # fmt: skip
    kind = np.repeat([0, 1, 2], [len(bulk), N_WALL, N_WALL])
    n = len(kind)
    moved = rng.normal(0, 0.004, (n_stages, n, 3)) * rng.lognormal(0, 1, (n_stages, n, 1))
    moved[:, kind != 0] = 0
    shear = 0.02 * first[:, 2]
    position = np.concatenate([first[None], first + np.cumsum(moved, axis=0)])
    position[..., 0] += shear * np.arange(n_stages + 1)[:, None]
    # some grains went round the cell before
    position[..., 0] += BOX[0] * (np.arange(n) % 3 - 1)

    attributes = {"seed": 7, "inertial_number": 1.7e-4, "config": {"seed": 7}}
    if imported:
        attributes = {"imported": True, "pressure": 1}
    grains = artificial.Packing(first, rng.uniform(0.8, 1.2, n), kind, Box(tuple(BOX.tolist())))
    size = np.exp(rng.normal(-6, 1.2, n_stages)) * np.where(np.arange(n_stages) % 2 == 0, -1, 1)
    turning = 0.33 + np.concatenate([[0], -np.cumsum(size)])
    frame_sample, sample = SAMPLES * np.arange(n_stages + 1), np.arange(SAMPLES * n_stages + 1)
    strain = 0.2 + 1e-4 * sample
    curve = np.interp(sample, frame_sample, turning) if stress else np.full(len(sample), np.nan)
    series = dict.fromkeys(SERIES, curve) | {"strain": strain}
    artificial.write_trajectory(
        folder, grains, series, frame_sample, position, ids=1000 + np.arange(n), attributes=attributes
    )
    stages = artificial.stage_table(frame_sample, strain[frame_sample], curve[frame_sample])
    write_table(folder / "stages.csv", stages if stress else stages.assign(kind="window"))
    _write_fields(folder, rng, kind, moved)
    _write_clusters(folder, kind)
    if stress:
        _write_model(folder, rng, stages["fluctuation"].to_numpy())
        _write_attributions(folder, rng, [stage for stage in EXPLAINED if stage < n_stages])
    return Run(folder)


def _write_fields(folder: Path, rng: np.random.Generator, kind: np.ndarray, moved: np.ndarray) -> None:
    shape = moved.shape[:2]
    d2min = (moved**2).sum(axis=2)
    # a grain that did not move at all has a value all the same
    d2min[:, 5] = 0
    values = {
        "d2min": d2min,
        "delta_sigma1": rng.normal(0, 0.02, shape),
        "delta_energy": rng.normal(0, 1e-5, shape),
        "packing_fraction": rng.uniform(0.5, 0.7, shape),
        "shear_strain": rng.lognormal(-6, 1, shape),
        "volumetric_strain": rng.normal(0, 0.001, shape),
    }
    for value in values.values():
        value[:, kind != 0] = np.nan
        # and the neighbourhood of one was too small
        value[:, 7] = np.nan
    artificial.write_fields(folder, {**values, "displacement": moved}, PER_CHUNK)


def _write_clusters(folder: Path, kind: np.ndarray) -> None:
    """A tenth of the grains active, in clusters of halving size."""
    d2min = Run(folder).fields["d2min"].to_numpy()
    n_active = round(0.1 * (kind == 0).sum())
    label = np.zeros(d2min.shape, dtype=int)
    for stage, values in enumerate(d2min):
        active = np.argsort(-np.nan_to_num(values, nan=-1))[:n_active]
        label[stage, active] = np.resize(np.repeat([1, 2, 3, 4, 5, 6, 7, 8, 9], [4, 3, 2, 2, 1, 1, 1, 1, 1]), n_active)
    store = create_store(folder / "statistics" / "clusters.zarr", {"fraction": 0.1})
    add_array(store, "label", ["stage", "grain"], label.shape, "int32", "", "", per_chunk=PER_CHUNK)[:] = label


def _write_model(folder: Path, rng: np.random.Generator, fluctuation: np.ndarray) -> None:
    n = len(fluctuation)
    tables = []
    for rule, noise in (("random", 0.3), ("blocked", 0.6)):
        guess = fluctuation * rng.lognormal(0, noise, n)
        split = np.resize(["train", "train", "train", "validation", "test"], n)
        tables.append(
            pd.DataFrame(
                {
                    "stage": np.arange(n),
                    "rule": rule,
                    "split": split if rule == "random" else np.sort(split),
                    "target": fluctuation,
                    "prediction": guess,
                    # several networks were trained of the random split alone
                    "low": guess - 0.001 if rule == "random" else np.nan,
                    "high": guess + 0.001 if rule == "random" else np.nan,
                }
            )
        )
    write_table(folder / "model" / "predictions.csv", pd.concat(tables))
    scores = {rule: {"network": {"test": {"r2": r2}}} for rule, r2 in (("random", 0.873), ("blocked", 0.642))}
    write_json(folder / "model" / "metrics.json", scores)


def _write_attributions(folder: Path, rng: np.random.Generator, explained: list[int]) -> None:
    shape = tuple(int(length) for length in BOX)
    root = create_store(folder / "attributions.zarr", {})
    values = rng.normal(0, 1e-5, (len(explained), *shape))
    add_array(root, "attribution", ["stage", "x", "y", "z"], values.shape, "f8", "p", "")[:] = values
    add_array(root, "stage", ["stage"], (len(explained),), "i8", "", "")[:] = np.array(explained, dtype="int64")
    for axis, n in zip("xyz", shape, strict=True):
        add_array(root, axis, [axis], (n,), "f8", "d", "")[:] = np.arange(n) + 0.5


@pytest.fixture(scope="session")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with every store, made once and only read."""
    return write_run(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture
def copied(explored: Run, tmp_path: Path) -> Run:
    """A copy of it that may be damaged."""
    return Run(Path(shutil.copytree(explored.folder, tmp_path / "damaged")))


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    return write_run


@pytest.fixture(scope="session")
def no_stress(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An imported run of which positions alone are known: its stages are windows of strain."""
    return write_run(tmp_path_factory.mktemp("runs") / "tracked", n_stages=6, stress=False, imported=True)


def serving(run: Run, states: Callable[[], list[StepState]] = list, port: int = 0) -> AbstractContextManager[str]:
    """The page of a run, served on a port of this machine: its address."""

    @contextmanager
    def served() -> Iterator[str]:
        with page_server(run, states, port) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/"
            finally:
                server.shutdown()
                thread.join()

    return served()


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[str]]:
    return serving


@pytest.fixture(scope="session")
def address(explored: Run) -> Iterator[str]:
    with serving(explored) as found:
        yield found


@pytest.fixture
def served() -> Iterator[Callable[..., str]]:
    """Serves pages of runs until the test is over and its browser's pages are closed: their addresses."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(serving(*arguments))


class Unpacked:
    """The page's formats, read by numpy from what their descriptions say."""

    @staticmethod
    def values(packed: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Values on their scale, NaN for none, and the ends of the colours."""
        ends = np.frombuffer(packed, "<f4", 4).astype(float)
        codes = np.frombuffer(packed, "<u2", offset=16)
        found = ends[0] + codes / 65534 * (ends[1] - ends[0])
        return np.where(codes == 65535, np.nan, found), ends[2:]

    @staticmethod
    def places(packed: bytes) -> np.ndarray:
        lower, upper = np.frombuffer(packed, "<f4", 6).astype(float).reshape(2, 3)
        codes = np.frombuffer(packed, "<u2", offset=24).reshape(-1, 3)
        return np.where(codes == 65535, np.nan, lower + codes / 65534 * (upper - lower))

    @staticmethod
    def vectors(packed: bytes) -> np.ndarray:
        largest = float(np.frombuffer(packed, "<f4", 1)[0])
        return np.frombuffer(packed, "<i2", offset=4).reshape(-1, 3) / 32767 * largest

    @staticmethod
    def columns(packed: bytes, layout: list[dict], n: int) -> dict[str, np.ndarray]:
        return {
            one["name"]: np.frombuffer(packed, np.dtype(one["type"]).newbyteorder("<"), n, one["offset"])
            for one in layout
        }

    @staticmethod
    def points(packed: bytes) -> tuple[np.ndarray, np.ndarray]:
        n = len(packed) // 12
        return np.frombuffer(packed, "<f8", n), np.frombuffer(packed, "<f4", n, 8 * n)

    @staticmethod
    def strict(text: bytes | str) -> dict:
        """JSON as browsers read it: no NaN, no infinity."""

        def refuse(name: str) -> None:
            raise AssertionError(f"{name} in JSON")

        found: dict = json.loads(text, parse_constant=refuse)
        return found


@pytest.fixture(scope="session")
def unpack() -> type[Unpacked]:
    return Unpacked


def damage(store: Path, array: str, stage: int) -> None:
    """Cut short the chunk of an array that holds a stage."""
    dimensions = zarr.open_group(store, mode="r")[array].ndim
    chunk = store / array / "c" / str(stage // PER_CHUNK) / "/".join(["0"] * (dimensions - 1))
    content = chunk.read_bytes()
    chunk.write_bytes(content[: len(content) // 2])


@pytest.fixture(scope="session")
def cut_short() -> Callable[[Path, str, int], None]:
    return damage


# Pages load in some 2 s where nothing else runs.
PATIENCE = 60_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


class Visited:
    """A page in a browser, as Playwright has it, and what these tests ask of it besides."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)

    def ready(self, stage: int, field: str = "d2min") -> None:
        """The grains of this stage have these colours."""
        self.wait_for_function("wanted => document.body.dataset.ready === wanted", arg=f"{stage} {field}")

    def settled(self) -> None:
        """Two frames on: what was asked for has been drawn."""
        self.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.evaluate("explorer.state()")
        return found

    def text(self, selector: str) -> str:
        found: str = self.locator(selector).inner_text()
        return found

    def numbers(self, selector: str) -> list[float]:
        return self.numbers_in(self.text(selector))

    @staticmethod
    def numbers_in(said: str) -> list[float]:
        """Every number of a text as the page writes them: true minus, powers of ten, thin spaces between thousands."""
        said = said.replace("−", "-").replace("\u202f", "").replace("\u00a0", " ")
        found = re.findall(r"[+-]?\d+(?:\.\d+)?(?: × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?", said)
        return [float(one.replace(" × 10", "e").translate(SUPERSCRIPT)) for one in found]

    def slide(self, name: str, value: int) -> None:
        self.locator(f"#{name}").evaluate(
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
            value,
        )

    def picture(self) -> np.ndarray:
        """The drawn grains as the button saves them: the canvas's own pixels."""
        with self.expect_download() as download:
            self.click("#picture")
        return _pixels(download.value.path().read_bytes())

    def shot(self, selector: str) -> np.ndarray:
        """What a reader sees there."""
        self.settled()
        return _pixels(self.locator(selector).screenshot())

    def drawn(self, selector: str) -> np.ndarray:
        """What is drawn on a plain canvas, on white: sooner had than a shot of the page."""
        self.settled()
        url = self.locator(selector).evaluate("(canvas) => canvas.toDataURL('image/png')")
        found = matplotlib.image.imread(io.BytesIO(base64.b64decode(url.split(",")[1])), format="png")
        return np.rint(255 * (found[..., :3] * found[..., 3:] + 1 - found[..., 3:])).astype(int)


def _pixels(content: bytes) -> np.ndarray:
    found: np.ndarray = np.rint(255 * matplotlib.image.imread(io.BytesIO(content), format="png")[..., :3]).astype(int)
    return found


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Any]]:
    """Starts the system's Chromium, without a window and with these flags."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed, see the extra test")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser was found: install one of {', '.join(BROWSERS)}")
    with driver.sync_playwright() as started:
        yield lambda *flags: started.chromium.launch(executable_path=found, args=["--no-sandbox", *flags])


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Any]) -> Iterator[Any]:
    """One that draws WebGL without a graphics card."""
    with launch(*SOFTWARE) as found:
        yield found


@pytest.fixture
def visit(browser: Any, served: Any) -> Iterator[Callable[..., Visited]]:
    """Opens pages, and fails where one of them complained, or asked for anything outside its own folder."""
    opened: list[tuple[Any, list[str]]] = []

    def open_page(
        address: str,
        *,
        size: tuple[int, int] = (1000, 700),
        scheme: str = "light",
        expect: tuple[str, ...] = (),
        within: Any = browser,
        ready: bool = True,
    ) -> Visited:
        context = within.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        problems: list[str] = []
        folder = address.split("#")[0]

        def hear(said: str) -> None:
            if not any(re.search(one, said) for one in expect):
                problems.append(said)

        def asked(request: Any) -> None:
            if not request.url.startswith((folder, "data:", "blob:")):
                problems.append(f"asked for {request.url}")

        page.on("console", lambda one: hear(f"{one.type}: {one.text}") if one.type in ("error", "warning") else None)
        page.on("pageerror", lambda one: hear(f"error: {one}"))
        page.on("requestfailed", lambda one: hear(f"failed: {one.url}") if "ABORTED" not in str(one.failure) else None)
        page.on("response", lambda one: hear(f"status of {one.status}: {one.url}") if one.status >= 400 else None)
        page.on("request", asked)
        opened.append((context, problems))
        page.goto(address)
        if ready:
            page.wait_for_selector("body[data-ready]")
        return Visited(page)

    yield open_page
    for context, _ in opened:
        context.close()
    assert [problems for _, problems in opened if problems] == []
