"""How a process of a simulation begins and ends."""

from types import SimpleNamespace

import pytest

from microslip.data.files import write_json
from microslip.dem import worker
from microslip.dem.config import ShearCell
from microslip.dem.process import FINISHED, STOPPED


@pytest.fixture
def begun(monkeypatch):
    """What the protocol was given; the engines start as nothing."""
    given = []
    kinds = {
        kind: SimpleNamespace(
            start=lambda folder, config, kind=kind: f"{kind} in {folder.name}", company=lambda kind=kind: kind
        )
        for kind in ("native", "lammps")
    }
    monkeypatch.setattr(worker, "ENGINES", kinds)
    monkeypatch.setattr(
        worker, "Protocol", lambda *arguments: given.append(arguments) or SimpleNamespace(run=lambda: None)
    )
    return given


def test_the_protocol_gets_the_engine_that_the_settings_name(begun, tmp_path):
    config = ShearCell.model_validate({"engine": {"kind": "lammps"}})
    assert worker.shear(tmp_path, config) == FINISHED
    assert begun == [(tmp_path, config, f"lammps in {tmp_path.name}")]


def test_a_stop_has_a_code_of_its_own(begun, tmp_path, monkeypatch):
    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "Protocol", lambda *_: SimpleNamespace(run=stopped))
    assert worker.shear(tmp_path, ShearCell()) == STOPPED


def test_a_fault_is_raised(begun, tmp_path, monkeypatch):
    def broken():
        raise ValueError("a fault")

    monkeypatch.setattr(worker, "Protocol", lambda *_: SimpleNamespace(run=broken))
    with pytest.raises(ValueError, match="a fault"):
        worker.shear(tmp_path, ShearCell())


def test_the_settings_are_read_from_the_folder(begun, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(worker, "work_on", lambda *arguments: calls.append(arguments))
    (tmp_path / "dem").mkdir()
    config = ShearCell.model_validate({"engine": {"kind": "lammps"}})
    write_json(tmp_path / "dem" / "config.json", config.model_dump(mode="json"))
    worker.main(tmp_path)
    assert calls == [(tmp_path, "lammps", worker.shear)]
