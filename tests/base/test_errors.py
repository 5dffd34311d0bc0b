from __future__ import annotations

import pickle

import pytest

from vanhove import Refusal, VanhoveWarning
from vanhove.base.errors import nearest, warn


def test_a_refusal_reads_as_sentences() -> None:
    refusal = Refusal("The file is empty", "run.dump", "Check the simulation?")
    assert str(refusal) == "The file is empty. run.dump. Check the simulation?"
    assert str(Refusal("Only this")) == "Only this."
    assert isinstance(refusal, ValueError)


def test_a_refusal_crosses_a_process_boundary_with_its_parts() -> None:
    back = pickle.loads(pickle.dumps(Refusal("what", "where", "do")))
    assert (back.what, back.where, back.do) == ("what", "where", "do")


def test_a_warning_blames_the_caller_of_who_warns() -> None:
    def analysis() -> None:
        warn("Few frames", "3 of them", "Run longer")

    with pytest.warns(VanhoveWarning, match="Few frames. 3 of them. Run longer.") as caught:
        analysis()
    assert caught[0].filename == __file__


def test_nearest_word() -> None:
    assert nearest("msdd", ["msd", "rdf"]) == "Did you mean 'msd'?"
    assert nearest("voronoi", ["msd", "rdf"]) == "Known: msd, rdf."
