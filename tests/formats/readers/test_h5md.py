"""H5MD files laid out as the specification says: what was put in comes out to the bit."""

import sys

import h5py
import numpy as np
import pytest

from microslip.core.errors import MicroslipError
from microslip.formats.frame import places
from microslip.formats.readers.h5md import read_h5md

T, N = 4, 30
STEPS = np.array([0, 100, 200, 350])
BOUNDARY = ("periodic", "periodic", "none")


def element(parent, name, values, steps=STEPS, **options):
    """A time-dependent element; steps may be those of another, as a hard link."""
    group = parent.create_group(name)
    group.create_dataset("value", data=values, maxshape=(None, *np.shape(values)[1:]), **options)
    group["step"] = steps
    return group


def group_of(file, name="all", boundary=BOUNDARY, edges=None):
    file.require_group("h5md").attrs["version"] = [1, 1]
    particles = file.create_group(f"particles/{name}")
    box = particles.create_group("box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = np.array(boundary, dtype="S8")
    if edges is not None:
        box["edges"] = edges
    return particles


def write(path, position, edges=(10.0, 8.0, 12.0), **elements):
    with h5py.File(path, "w") as file:
        particles = group_of(file, edges=np.array(edges))
        steps = element(particles, "position", position)["step"]
        for name, values in elements.items():
            element(particles, name, values, steps)
    return path


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"chunks": (2, 7, 1), "compression": "gzip"}, {"chunks": (1, N, 3)}])
def test_everything_comes_back_to_the_bit(tmp_path, rng, dtype, options):
    path = tmp_path / "a.h5"
    position, image = rng.random((T, N, 3)).astype(dtype), rng.integers(-2, 3, (T, N, 3))
    ids = np.array([rng.permutation(N) for _ in range(T)])
    with h5py.File(path, "w") as file:
        particles = group_of(file, "grains", boundary=["periodic"] * 3)
        steps = element(particles, "position", position, **options)["step"]
        element(particles, "image", image, steps, **options)
        element(particles, "id", ids, steps)
        particles["species"] = np.arange(N) % 3
        particles["radius"] = rng.random(N)
        radius = particles["radius"][()]
        edges = np.array([[[10.0, 0, 0], [0, 8, 0], [tilt, 0, 12]] for tilt in range(T)])
        element(particles["box"], "edges", edges, steps)
    found = list(read_h5md(path))
    assert [one.step for one in found] == STEPS.tolist()
    for number, one in enumerate(found):
        columns = one.columns
        assert columns["x"].dtype == dtype
        assert np.array_equal(np.stack([columns[axis] for axis in "xyz"], axis=1), position[number])
        assert np.array_equal(np.stack([columns[axis] for axis in ("ix", "iy", "iz")], axis=1), image[number])
        assert np.array_equal(columns["id"], ids[number])
        assert np.array_equal(columns["type"], np.arange(N) % 3)
        assert np.array_equal(columns["radius"], radius)
        assert np.array_equal(one.edges, edges[number])
        assert one.periodic == (True, True, True)
        assert one.where == f"{path}, frame {number}"
        unwrapped = position[number].astype(float) + image[number] @ edges[number]
        assert np.allclose(places(one).position, unwrapped, rtol=1e-14)


def test_images_of_an_axis_that_does_not_repeat_are_placeholders(tmp_path, rng):
    image = rng.integers(1, 9, (T, N, 3))
    found = next(read_h5md(write(tmp_path / "a.h5", rng.random((T, N, 3)), image=image)))
    assert np.array_equal(found.columns["ix"], image[0, :, 0])
    assert not found.columns["iz"].any()
    assert found.periodic == (True, True, False)


def test_cell_without_an_edge_reaches_as_far_as_the_grains(tmp_path, rng):
    position = rng.random((T, N, 3))
    for number, one in enumerate(read_h5md(write(tmp_path / "a.h5", position, edges=(10.0, 8.0, 0.0)))):
        low, high = position[number, :, 2].min(), position[number, :, 2].max()
        assert np.array_equal(one.edges, np.diag([10, 8, high - low]))
        assert np.array_equal(one.origin, [0, 0, low])


def test_grains_with_the_fill_value_as_id_are_not_there(tmp_path, rng):
    path = tmp_path / "a.h5"
    ids = np.tile(np.arange(N), (T, 1))
    ids[2, ::2] = -1
    with h5py.File(path, "w") as file:
        particles = group_of(file)
        element(particles, "position", rng.random((T, N, 3)))
        element(particles, "id", ids, fillvalue=-1)
    assert [one.n_grains for one in read_h5md(path)] == [N, N, N // 2, N]


def test_steps_at_equal_intervals_positions_without_time_and_species_in_words(tmp_path, rng):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        particles = group_of(file)
        element(particles, "position", rng.random((T, N, 3)), steps=50)["step"].attrs["offset"] = 1000
        element(particles, "species", np.array([[b"sand"] * 10 + [b"clay"] * 20] * T), steps=STEPS)
        del particles["species/step"]
        particles["species/step"] = particles["position/step"]
    found = list(read_h5md(path))
    assert [one.step for one in found] == [1000, 1050, 1100, 1150]
    assert found[3].columns["type"].tolist() == [1] * 10 + [2] * 20
    assert found[0].edges is None
    with h5py.File(path, "w") as file:
        group_of(file)["position"] = rng.random((N, 3))
    assert [(one.step, one.n_grains, one.read) for one in read_h5md(path)] == [(0, N, 1.0)]


def test_further_elements_and_file_without_frames(tmp_path, rng):
    size = rng.random((T, N))
    path = write(tmp_path / "a.h5", rng.random((T, N, 3)), size=size)
    assert "size" not in next(read_h5md(path)).columns
    assert np.array_equal(next(read_h5md(path, ["size"])).columns["size"], size[0])
    with h5py.File(path, "w") as file:
        element(group_of(file), "position", np.empty((0, N, 3)), steps=np.empty(0, dtype=int))
    assert list(read_h5md(path)) == []


def test_what_is_cut_off_or_of_another_kind_is_said(tmp_path, rng, capfd):
    whole = write(tmp_path / "a.h5", rng.random((T, N, 3))).read_bytes()
    cut = tmp_path / "cut.h5"
    for end in rng.integers(0, len(whole), 40):
        cut.write_bytes(whole[:end])
        with pytest.raises(MicroslipError, match=r"cut\.h5 cannot be read as H5MD"):
            list(read_h5md(cut))
    with h5py.File(cut, "w") as file:
        file["x"] = 1
    with pytest.raises(MicroslipError, match="positions in 0 groups"):
        list(read_h5md(cut))
    with h5py.File(cut, "w") as file:
        particles = group_of(file)
        element(particles, "position", rng.random((T, N, 3)))
        element(particles, "image", np.zeros((2, N, 3)), steps=STEPS[::2])
    with pytest.raises(MicroslipError, match=r"frame 1.*image/value was not written at the same steps"):
        list(read_h5md(cut))
    with pytest.raises(MicroslipError, match="does not exist"):
        next(read_h5md(tmp_path / "none.h5"))
    assert capfd.readouterr() == ("", "")


def test_want_of_the_package_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        MicroslipError, match=r"needs the package h5py, which is not installed: pip install 'microslip\[import\]'"
    ):
        next(read_h5md(tmp_path / "a.h5"))


@pytest.mark.parametrize(
    ("written", "periodic"),
    [
        (np.array(["periodic", "none", "periodic"], dtype=object), (True, False, True)),
        (np.array([b"periodic", b"periodic", b"none"]), (True, True, False)),
        ("periodic", (True, True, True)),
        (b"none", (False, False, False)),
        (None, None),
    ],
)
def test_each_axis_repeats_as_its_boundary_says(tmp_path, rng, written, periodic):
    path = write(tmp_path / "a.h5", rng.random((T, N, 3)))
    with h5py.File(path, "r+") as file:
        attributes = file["particles/all/box"].attrs
        del attributes["boundary"]
        if written is not None:
            attributes["boundary"] = written
    assert next(read_h5md(path)).periodic == periodic


def test_boundaries_that_the_format_does_not_know_and_units_that_differ_are_refused(tmp_path, rng):
    path = write(tmp_path / "a.h5", rng.random((T, N, 3)))
    with h5py.File(path, "r+") as file:
        file["particles/all/box"].attrs["boundary"] = ["periodic", "reflecting", "none"]
    with pytest.raises(MicroslipError, match="H5MD knows `periodic` and `none`, one for each axis"):
        next(read_h5md(path))
    path = write(tmp_path / "b.h5", rng.random((T, N, 3)))
    with h5py.File(path, "r+") as file:
        file["particles/all/position/value"].attrs["unit"] = "nm"
        assert file["particles/all/box/edges"].attrs.create("unit", b"nm") is None
    assert next(read_h5md(path)).n_grains == N
    with h5py.File(path, "r+") as file:
        file["particles/all/box/edges"].attrs["unit"] = "Angstrom"
    with pytest.raises(MicroslipError, match="position is in nm, box/edges in Angstrom: use one"):
        next(read_h5md(path))
