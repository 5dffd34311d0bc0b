"""``vanhove fit qens``: from files to a folder with a page, or one message and nothing."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import vanhove as vh
from vanhove.base.units import HBAR
from vanhove.fitting.convolution import PseudoVoigtResolution, gaussian

FWHM = 0.02
ENERGY = np.linspace(-0.4, 0.4, 161)
Q = np.array([0.6, 0.9, 1.2, 1.5])


def dataset(values: np.ndarray, errors: np.ndarray, energy: np.ndarray, q: np.ndarray, title: str) -> xr.Dataset:
    made = xr.Dataset(
        {
            "S": (("q", "energy"), values, {"units": "1", "long_name": "S"}),
            "S_error": (("q", "energy"), errors, {"units": "1", "long_name": "its error"}),
        },
        {"q": q, "energy": energy},
    )
    made.attrs = {"title": title, "observable": "spectra.read_measured"}
    return made


def table(path: str | Path) -> dict[str, dict[str, str]]:
    """The rows of a table by what stands first in them."""
    return {next(iter(row.values())): row for row in csv.DictReader(Path(path).read_text().splitlines())}


@pytest.fixture
def files(vanhove: Any) -> None:
    """A sample of jumps of 2.5 Å every 12 ps, its resolution and its can, as .nc in the folder the command runs in."""
    widths = HBAR / 12 * (1 - np.sinc(Q * 2.5 / np.pi))
    seen = PseudoVoigtResolution(FWHM)
    clean = np.array([2 * seen.lorentzian(ENERGY, w, 0.001) + 0.4 * seen.delta(ENERGY, 0.001) + 0.1 for w in widths])
    rng = np.random.default_rng(20261120)
    vh.save(dataset(rng.normal(clean, 0.05), np.full_like(clean, 0.05), ENERGY, Q, "jumps"), "sample.nc")
    at = np.linspace(-0.2, 0.2, 161)
    peak = np.tile(100 * gaussian(at, FWHM / 2), (4, 1))
    vh.save(dataset(peak, np.full_like(peak, 1e-3), at, Q, "vanadium"), "vanadium.nc")
    can = np.full_like(clean, 0.05)
    vh.save(dataset(can, np.full_like(can, 0.01), ENERGY, Q, "can"), "can.nc")


@pytest.mark.usefixtures("files")
def test_everything_is_written_and_said(vanhove: Any) -> None:
    said = vanhove.works(
        "fit qens sample.nc vanadium.nc --can can.nc --xi 0.9 --window -0.35 0.35 --global chudley-elliott "
        "--lorentzians 1 --out fits/one"
    )
    folder = Path("fits/one")
    assert "chudley-elliott" in said.out
    assert "Γ (µeV)" in said.out
    assert "D = (8." in said.out
    assert str(folder / "report.html") in said.out
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "report.html", "widths.csv", "jump_models.csv", "qens.nc", "together.nc", "figures/widths.png",
        "figures/eisf.png", *(f"figures/fit_q{q:.2f}.png" for q in Q),
    }  # fmt: skip
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".")]
    result = vh.load(folder / "qens.nc")
    widths = [float(row["width_0 (meV)"]) for row in table(folder / "widths.csv").values()]
    assert widths == pytest.approx(result.width.values[:, 0].tolist(), rel=1e-7)
    laws = table(folder / "jump_models.csv")
    length, error = (float(laws["chudley-elliott"][name]) for name in ("length (Å)", "length_error (Å)"))
    assert abs(length - 2.5) < 3 * error
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "All spectra are described." in page
    assert "can.nc, times 0.9" in page
    assert "Of the jump models" in page
    assert page.count("data:image/png;base64") == 6
    assert "http" not in page.replace("http-equiv", "")
    assert str(Path.cwd()) not in page


@pytest.mark.usefixtures("files")
def test_a_number_is_a_resolution_and_a_choice_of_q_is_kept(vanhove: Any) -> None:
    vanhove.works(
        "fit qens sample.nc 0.02 --q 0.9 --lorentzians 1 --no-elastic --exclude-elastic 0.045 --background flat "
        "--out one"
    )
    result = vh.load("one/qens.nc")
    assert result.q.values.tolist() == [0.9]
    assert np.isnan(result.eisf.values).all()
    assert not Path("one/jump_models.csv").exists()  # one width is no law
    assert not Path("one/figures/eisf.png").exists()


@pytest.mark.usefixtures("files")
def test_bad_fits_are_said_to_be_bad(vanhove: Any) -> None:
    said = vanhove("fit qens sample.nc 0.02 --lorentzians 0 --out bad")
    assert said.code == 1
    assert said.out.count("bad fit") == 4
    assert "None of the 4 fits is a good one" in said.out
    assert "Bad fit with no quasielastic line" in Path("bad/report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("files")
def test_a_folder_is_replaced_only_when_asked(vanhove: Any) -> None:
    call = "fit qens sample.nc 0.02 --lorentzians 1 --q 0.6 --jump-model none --out one"
    vanhove.works(call)
    vanhove.refuses(call, "already", "--overwrite")
    vanhove.works(f"{call} --overwrite")
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("dear")
    vanhove.refuses(call.replace("--out one", "--out mine --overwrite"), "holds no fit")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("fit muons sample.nc 0.02 --out x", ["muons", "qens"]),
        ("fit qens sample.nc 0.02", ["--out"]),
        ("fit qens none.nc 0.02 --out x", ["none.nc"]),
        ("fit qens sample.nc none.nxs --out x", ["none.nxs"]),
        ("fit qens sample.nc --out x", ["no resolution"]),
        ("fit qens sample.nc 0.02 --lorentzians many --out x", ["many"]),
        ("fit qens sample.nc 0.02 --lorentzians 7 --out x", ["lorentzians=7"]),
        ("fit qens sample.nc 0.02 --window 1 2 --out x", ["enough points"]),
        ("fit qens sample.nc 0.02 --q a,b --out x", ["--q a,b"]),
        ("fit qens sample.nc 0.02 --jump-model ficks --out x", ["fick"]),
        ("fit qens sample.nc 0.02 --lorentzians 1 --component 2 --out x", ["--component 2"]),
        ("fit qens sample.nc 0.02 --out sample.nc", ["is a file"]),
    ],
)
def test_what_is_wrong_is_one_message_and_leaves_nothing(vanhove: Any, call: str, words: list[str]) -> None:
    vanhove.refuses(call, *words)


@pytest.mark.usefixtures("files")
def test_the_page_stands_alone_in_a_browser(vanhove: Any, browser: Any) -> None:
    vanhove.works("fit qens sample.nc 0.02 --lorentzians 1 --out one")
    for width in (390, 1200):
        page = browser.new_page(viewport={"width": width, "height": 900})
        noise: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message, noise=noise: noise.append(message.text))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(Path("one/report.html").resolve().as_uri())
        assert not noise
        assert [url for url in asked if not url.startswith("data:")] == [Path("one/report.html").resolve().as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shown = page.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
        assert shown
        assert all(shown)
        page.close()


def test_water_as_a_person_at_the_beamline_would(vanhove: Any, shared_data: Path) -> None:
    folder = shared_data / "qens-water-in5"
    vanhove.works(
        f"fit qens {folder / 'H2O_293K_8A.hdf'} {folder / 'V_273K_8A.hdf'} --window -0.5 0.5 --lorentzians 2 "
        "--q 0.3,0.5,0.7,0.9 --out water"
    )
    rows = table("water/jump_models.csv")
    assert float(rows["fick"]["D (cm²/s)"]) == pytest.approx(2.0e-5, rel=0.05)  # tracer: 2.025e-5
    assert "bad" in Path("water/report.html").read_text(encoding="utf-8")
