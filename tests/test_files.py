from pathlib import Path

from worldreel.files import cache_folder


def test_where_what_can_be_made_again_is_kept(monkeypatch):
    monkeypatch.setenv("WORLDREEL_CACHE", "/somewhere/own")
    assert cache_folder() == Path("/somewhere/own")
    monkeypatch.delenv("WORLDREEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/else")
    assert cache_folder() == Path("/somewhere/else/worldreel")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/anna")
    assert cache_folder() == Path("/home/anna/.cache/worldreel")
