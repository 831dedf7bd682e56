import os
from types import SimpleNamespace

import pytest

from worldreel import devices


@pytest.mark.parametrize(
    ("kind", "triton", "compiler", "expected"),
    [
        ("cuda", True, "/bin/cc", True),
        ("cuda", False, "/bin/cc", False),
        ("cuda", True, None, False),
        ("cpu", True, "/bin/cc", False),
    ],
)
def test_networks_are_compiled_where_it_works(monkeypatch, tmp_path, kind, triton, compiler, expected):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")  # so that what is set here is undone
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    monkeypatch.setenv("WORLDREEL_CACHE", str(tmp_path))
    monkeypatch.setattr(devices, "find_spec", lambda name: object() if triton else None)
    monkeypatch.setattr(devices.shutil, "which", lambda name: compiler)
    assert devices.compiles(SimpleNamespace(type=kind)) is expected
    assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == (str(tmp_path / "kernels") if expected else None)
