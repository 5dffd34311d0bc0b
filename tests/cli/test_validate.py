"""``vanhove validate``: a card and its page, or one message and nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ase import Atoms

import vanhove as vh
from vanhove import simulate
from vanhove.base.errors import Refusal
from vanhove.simulate.engine import find_lammps

if TYPE_CHECKING:
    from conftest import Command

PAIRS = {"Ar-Ar": [243240.0, 0.273, 1468.0], "Ar-Kr": [300000.0, 0.28, 2000.0], "Kr-Kr": [400000.0, 0.285, 2800.0]}
TOML = """
[validate]
title = "Noble gases & <b>others</b>"
held_out = "frames"
trained_on = ["frames"]
temperatures = [200, 300]
ranks = 1

[validate.potential]
charges = { Ar = 0.0, Kr = 0.0 }
cutoff = 6.5
buckingham = { Ar-Ar = [243240.0, 0.273, 1468.0], Ar-Kr = [300000.0, 0.28, 2000.0], Kr-Kr = [400000.0, 0.285, 2800.0] }

[validate.bounds]
force = 0.1
"""


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of 64 atoms, labelled by the potential."""
    try:
        find_lammps()
    except Refusal as refusal:
        pytest.skip(str(refusal))
    generator = np.random.default_rng(3)
    spots = 3.9 * (np.array(list(np.ndindex(4, 4, 4))) + 0.5)
    drawn = [
        Atoms("Ar32Kr32", positions=spots + generator.normal(0, 0.08, (64, 3)), cell=[15.6] * 3, pbc=True)
        for _ in range(6)
    ]  # fmt: skip
    potential = simulate.buckingham({pair: tuple(each) for pair, each in PAIRS.items()}, {"Ar": 0, "Kr": 0}, cutoff=6.5)  # type: ignore[misc]
    folder = tmp_path_factory.mktemp("frames")
    return simulate.label({"noble": drawn}, potential, folder / "labels", ranks=1).save(folder / "frames")


@pytest.fixture
def here(vanhove: Command, frames: Path) -> Path:
    """The folder that the command runs in, with the frames and a TOML file."""
    Path("frames").symlink_to(frames)
    Path("validate.toml").write_text(TOML, encoding="utf-8")
    return Path.cwd()


def test_a_file_says_it_all(vanhove: Command, here: Path) -> None:
    said = vanhove.works("validate validate.toml --out card")
    assert "holds       forces" in said.out
    assert "4 of 4 judgements hold." in said.out
    assert "card: card/card.html" in said.out
    assert "errors on frames held out ..." in said.err
    card = json.loads((here / "card" / "card.json").read_text(encoding="utf-8"))
    assert card["bounds"]["force"] == 0.1
    assert card["hot"] == 300
    page = (here / "card" / "card.html").read_text(encoding="utf-8")
    assert "Noble gases &amp; &lt;b&gt;others&lt;/b&gt;" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")
    for name in ("parity-forces", "parity-energies", "wall"):
        assert f'<figure id="{name}">' in page
        assert (here / "card" / "figures" / f"{name}.svg").is_file()
    before = (here / "card" / "card.html").read_bytes()
    again = vanhove.works("validate validate.toml --out card")
    assert again.err == ""  # nothing was to be done
    assert (here / "card" / "card.html").read_bytes() == before


def test_a_bound_that_is_passed_is_exit_code_1(vanhove: Command, here: Path) -> None:
    text = TOML.replace("243240.0", "260000.0").replace("force = 0.1", "force = 1e-4")
    Path("other.toml").write_text(text, encoding="utf-8")
    said = vanhove("validate other.toml --out card")
    assert said.code == 1
    assert "Not within bounds: forces." in said.out
    assert (here / "card" / "card.html").is_file()


def test_a_shipped_potential_by_its_name(vanhove: Command) -> None:
    said = vanhove.works("validate na2s-sis2 --out card")
    assert "Nothing was tested." in said.out


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("validate na2s-sis2", ["Add --out DIR"]),
        ("validate missing.toml --out card", ["There is no such file", "missing.toml"]),
        ("validate missing.pb --out card", ["There is no model file"]),
        ("validate na2s-sis3 --out card", ["no model file, no training's folder", "na2s-sis2"]),
        ("validate frames --out card", ["The folder holds no training"]),
        ("validate validate.toml frames --out card", ["so does DATA", "Say it in the file"]),
        ("validate validate.toml --temperature 300 --out card", ["so does --temperature"]),
        ("validate na2s-sis2 nothing --out card", ["There is no such file", "nothing"]),
        ("validate na2s-sis2 --start frames --out card", ["There is no such structure"]),
        ("validate na2s-sis2 --step -1 --out card", ["timestep=-1"]),
    ],
)
def test_what_is_wrong_is_said(vanhove: Command, line: str, words: list[str]) -> None:
    vanhove.refuses(line, *words)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("held_out", "heldout"), ["validate.heldout (line 4)", "Did you mean 'held_out'?"]),
        (("force = 0.1", "forces = 0.1"), ["validate.bounds.forces", "Did you mean 'force'?"]),
        (("force = 0.1", "force = -0.1"), ["force=-0.1 in the bounds"]),
        (("buckingham =", "buckinham ="), ["validate.potential", "it says no kind"]),
        (("cutoff = 6.5", "cutof = 6.5"), ["The potential can't be made", "cutof"]),
        (
            ("[validate]", "[study]"),
            ["study (line 2): there is no such key", "All stands under [validate]"],
        ),
        (('"frames"\n', '"frames\n'), ["not valid TOML"]),
        (("ranks = 1", "[validate.larger]"), ["validate.larger", "Give frames, or a structure"]),
        (("ranks = 1", "[validate.start]\nstructure = 'no.cif'"), ["There is no such structure", "no.cif"]),
        (("ranks = 1", "[validate.start]\nstructure = 'validate.toml'"), ["The structure can't be read"]),
    ],
)
def test_mistakes_in_the_file_are_said(vanhove: Command, change: tuple[str, str], words: list[str]) -> None:
    assert change[0] in TOML
    Path("wrong.toml").write_text(TOML.replace(*change), encoding="utf-8")
    vanhove.refuses("validate wrong.toml --out card", *words)


def test_the_page_is_written_from_the_folder_alone(vanhove: Command, here: Path) -> None:
    vanhove.works("validate validate.toml --out card")
    Path("card").rename("moved")
    page = vh.report.write_card("moved")
    assert page.is_file()
    (here / "moved" / "data" / "wall-curve.nc").unlink()
    with pytest.raises(Refusal, match="A curve of the card is missing"):
        vh.report.write_card("moved")


def test_the_page_in_a_browser(browser: Any, vanhove: Command, here: Path) -> None:
    vanhove.works("validate validate.toml --out card")
    for width in (1400, 400):
        tab = browser.new_page(viewport={"width": width, "height": 900})
        said: list[str] = []
        tab.on("console", lambda message, said=said: said.append(message.text))
        tab.goto((here / "card" / "card.html").as_uri())
        assert said == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.locator("figure svg").count() == 3
        assert tab.locator(".judgements li").count() == 10
        tab.close()
