"""Packages that are not installed or do not load, each in a process of its own."""

import subprocess
import sys

import pytest

from microslip.core.extras import EXTRAS

# Put before the program: the packages named raise what a missing or broken one raises.
BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {module!r}:
            raise {error}

sys.meta_path.insert(0, Blocker())
"""
GONE = 'ModuleNotFoundError(f"No module named {name!r}", name=name)'
LIBRARY = 'ImportError("libcudart.so.12: cannot open shared object file", name=name)'
SYSTEM = 'OSError("libtorch_cpu.so: cannot open shared object file")'


def run(module, error, program):
    code = BLOCKER.format(module=module, error=error) + program
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("name", ["SlipNet", "train", "predict", "integrated_gradients"])
def test_a_public_name_without_torch_names_the_pip_command(name):
    done = run("torch", GONE, f"import microslip\nmicroslip.{name}")
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith(
        f"microslip.{name} needs the package torch, which is not installed: pip install 'microslip[learn]'"
    )


@pytest.mark.parametrize("error", [LIBRARY, SYSTEM])
def test_a_broken_torch_is_told_from_a_missing_one(error):
    done = run("torch", error, "from microslip.core.extras import require\nrequire('learn', 'it')")
    last = done.stderr.strip().splitlines()[-1]
    assert "which is installed but does not load" in last
    assert "cannot open shared object file" in last
    assert last.endswith("pip install --force-reinstall 'microslip[learn]'")


@pytest.mark.parametrize(("extra", "module"), [(extra, one) for extra, modules in EXTRAS.items() for one in modules])
def test_every_optional_package_is_named_with_its_extra(extra, module, monkeypatch):
    from microslip.core import extras

    def gone(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(extras.importlib, "import_module", gone)
    with pytest.raises(
        ImportError, match=rf"it needs the package {module}, which is not installed: pip install 'micro"
    ):
        extras.package(module, "it")
    problem = ModuleNotFoundError("no", name=f"{module}.part")
    assert f"'microslip[{extra}]'" in extras.explain_import(problem)
    assert extras.explain_import(ModuleNotFoundError("no", name="numpy")) is None
