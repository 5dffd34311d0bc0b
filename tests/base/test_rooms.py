from __future__ import annotations

import pytest

import vanhove as vh
from vanhove import registry
from vanhove.base.rooms import Entry, serve


def test_a_room_serves_its_table_and_suggests() -> None:
    getattr_, dir_ = serve("vanhove.base", {"write_text": Entry("files", "writes")})
    from vanhove.base.files import write_text

    assert getattr_("write_text") is write_text
    assert dir_() == ["write_text"]
    with pytest.raises(AttributeError, match="Did you mean 'write_text'"):
        getattr_("write_txt")


def test_the_package_says_what_it_has() -> None:
    assert {"open", "structure", "dynamics", "simulate", "draw", "save", "load", "Refusal"} <= set(dir(vh))
    with pytest.raises(AttributeError, match="spectroscopy"):
        _ = vh.spectroscopy


def test_names_long_and_short() -> None:
    assert registry.full_name("msd") == registry.full_name("dynamics.msd") == "dynamics.msd"
    with pytest.raises(vh.Refusal, match="Did you mean 'msd'"):
        registry.full_name("mds")


def test_only_results_are_drawn() -> None:
    import xarray as xr

    with pytest.raises(vh.Refusal, match="observable"):
        vh.draw(xr.Dataset())
