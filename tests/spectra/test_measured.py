"""Measured spectra from files of every kind, and what is said of files that can't be read."""

from __future__ import annotations

from pathlib import Path

import h5py
import measured_files as files
import numpy as np
import pytest
import scatterers

import vanhove as vh

WRITTEN = {
    "mantid": files.mantid,
    "dave": files.dave,
    "lamp": files.lamp,
    "danse": files.danse,
    "columns": lambda path: files.columns(path, "blocks"),
}


def expect(got, *, flipped=False):
    S, error = np.where(files.MASKED, np.nan, files.S), np.where(files.MASKED, np.nan, files.ERROR)
    energy = files.ENERGY
    if flipped:
        S, error, energy = S[:, ::-1], error[:, ::-1], -energy[::-1]
    np.testing.assert_allclose(got.q, files.Q, rtol=1e-12)
    np.testing.assert_allclose(got.energy, energy, atol=1e-7)
    np.testing.assert_allclose(got.S, S, rtol=2e-7)
    np.testing.assert_allclose(got.S_error, error, rtol=2e-7)
    assert got.attrs["masked_points"] == 2


@pytest.mark.parametrize("format", WRITTEN)
def test_every_format_gives_the_same_spectrum(format: str, tmp_path: Path) -> None:
    path = WRITTEN[format](tmp_path / "any.name")
    got = vh.spectra.read_measured(path)
    expect(got)
    assert got.q.attrs["units"] == "1/Å"
    assert got.energy.attrs["units"] == "meV"
    assert vh.spectra.read_measured(path, format=format).S.equals(got.S)
    expect(vh.spectra.read_measured(path, flip_energy=True), flipped=True)
    vh.save(got, tmp_path / "x.nc")
    assert vh.load(tmp_path / "x.nc").identical(got)


def test_what_a_file_says_besides(tmp_path: Path) -> None:
    got = vh.spectra.read_measured(files.lamp(tmp_path / "a"))
    assert got.attrs["temperature"] == pytest.approx(293.569)
    assert got.attrs["title"] == "water"
    assert vh.spectra.read_measured(tmp_path / "a", temperature=200).attrs["temperature"] == 200
    assert vh.spectra.read_measured(files.mantid(tmp_path / "b")).attrs["title"] == "my sample"
    assert "taken for granted" in vh.spectra.read_measured(files.dave(tmp_path / "c")).attrs["energy_sign"]


def test_units_of_energy(tmp_path: Path) -> None:
    micro = vh.spectra.read_measured(files.dave(tmp_path / "a", micro=True))
    np.testing.assert_allclose(micro.energy, files.ENERGY, atol=1e-12)
    said = vh.spectra.read_measured(files.dave(tmp_path / "b", names=False), energy_units="µeV")
    np.testing.assert_allclose(said.energy, 1e-3 * files.ENERGY, atol=1e-12)
    silent = vh.spectra.read_measured(tmp_path / "b")
    assert silent.attrs["energy_units_of_file"] == "meV, taken for granted"
    with pytest.raises(vh.Refusal, match="says µeV"):
        vh.spectra.read_measured(tmp_path / "a", energy_units="meV")
    waves = vh.spectra.read_measured(files.mantid(tmp_path / "c", x_units="DeltaE_inWavenumber"))
    np.testing.assert_allclose(waves.energy, 0.12398419843 * files.ENERGY, atol=1e-9)


def test_mantids_variants(tmp_path: Path) -> None:
    expect(vh.spectra.read_measured(files.mantid(tmp_path / "a", histogram=False)))
    expect(vh.spectra.read_measured(files.mantid(tmp_path / "b", histogram=False, transposed=True)))
    counts = vh.spectra.read_measured(files.mantid(tmp_path / "c", distribution="0"))
    np.testing.assert_allclose(counts.S, np.where(files.MASKED, np.nan, files.S) / 0.1, rtol=1e-9)
    assert "divided by their width" in counts.attrs["notes"]
    edges = np.array([0.3, 0.7, 1.1, 1.7])
    np.testing.assert_allclose(vh.spectra.read_measured(files.mantid(tmp_path / "d", q=edges)).q, [0.5, 0.9, 1.4])
    squares = vh.spectra.read_measured(files.mantid(tmp_path / "e", q=files.Q**2, axis2="QSquared"))
    np.testing.assert_allclose(squares.q, files.Q)
    numbers = files.mantid(tmp_path / "f", q=np.array([1.0, 2.0, 3.0]), axis2="spectraNumber")
    with pytest.raises(vh.Refusal, match="'spectraNumber' of its spectra where Q is to be"):
        vh.spectra.read_measured(numbers)
    np.testing.assert_allclose(vh.spectra.read_measured(numbers, q=files.Q).q, files.Q)
    with pytest.raises(vh.Refusal, match="its own Q"):
        vh.spectra.read_measured(tmp_path / "a", q=files.Q)
    with pytest.raises(vh.Refusal, match="2 workspaces"):
        vh.spectra.read_measured(files.mantid(tmp_path / "g", workspaces=2))
    with pytest.raises(vh.Refusal, match="horizontal axis is 'TOF'"):
        vh.spectra.read_measured(files.mantid(tmp_path / "h", x_units="TOF"))


def test_nxspe_in_bins_of_q_is_the_mean_of_its_detectors(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    angles, edges = np.linspace(5, 120, 60), np.arange(-10.0, 31.0, 2.0)
    energy = 0.5 * (edges[1:] + edges[:-1])
    S = rng.random((60, 20)) + 1
    error = 0.1 + 0.05 * rng.random((60, 20))
    S[3], error[3] = np.nan, 0.0  # a masked detector
    path = files.nxspe(tmp_path / "a.nxspe", angles, edges, S, error)
    bins = np.arange(0.5, 6.1, 0.5)
    got = vh.spectra.read_measured(path, q=bins)
    assert got.attrs["format"] == "NXSPE"
    k_i, k_f = np.sqrt(50 / 2.07212485), np.sqrt((50 - energy) / 2.07212485)
    for i in range(len(bins) - 1):
        for k in range(len(energy)):
            q = np.sqrt(k_i**2 + k_f[k] ** 2 - 2 * k_i * k_f[k] * np.cos(np.radians(angles)))
            inside = (q >= bins[i]) & (q < bins[i + 1]) & (error[:, k] > 0)
            if not inside.any():
                assert np.isnan(got.S[i, k])
                continue
            np.testing.assert_allclose(got.S[i, k], S[inside, k].mean())
            np.testing.assert_allclose(got.S_error[i, k], np.sqrt((error[inside, k] ** 2).sum()) / inside.sum())
    raw = vh.spectra.read_measured(files.nxspe(tmp_path / "b", angles, edges, S, error, scaled=0), q=bins)
    np.testing.assert_allclose(raw.S, got.S * (k_i / k_f), rtol=1e-12)
    with pytest.raises(vh.Refusal, match="Give the edges of bins of Q"):
        vh.spectra.read_measured(path)
    with pytest.raises(vh.Refusal, match="incident energy is 20"):
        vh.spectra.read_measured(files.nxspe(tmp_path / "c", angles, edges, S, error, 20.0), q=bins)
    with pytest.raises(vh.Refusal, match="direct geometry"):
        vh.spectra.read_measured(files.nxspe(tmp_path / "d", angles, edges, S, error, chopper=False), q=bins)
    with pytest.raises(vh.Refusal, match="59 angles"):
        vh.spectra.read_measured(files.nxspe(tmp_path / "e", angles[:-1], edges, S, error), q=bins)


def test_columns_in_their_layouts(tmp_path: Path) -> None:
    expect(vh.spectra.read_measured(files.columns(tmp_path / "a", "q")))
    without = files.columns(tmp_path / "b", "plain")
    with pytest.raises(vh.Refusal, match="at which Q its 3 spectra are"):
        vh.spectra.read_measured(without)
    expect(vh.spectra.read_measured(without, q=files.Q))
    with pytest.raises(vh.Refusal, match="q= has 2 values"):
        vh.spectra.read_measured(without, q=files.Q[:2])
    wide = np.column_stack(
        [files.ENERGY, *(column for pair in zip(files.S, files.ERROR, strict=True) for column in pair)]
    )
    np.savetxt(tmp_path / "c", wide)
    with pytest.raises(vh.Refusal, match=r"several things.*3 spectra beside each other"):
        vh.spectra.read_measured(tmp_path / "c")
    expect(vh.spectra.read_measured(tmp_path / "c", q=files.Q))
    shuffled = np.column_stack([files.S[0], np.zeros(19), files.ENERGY, files.ERROR[0]])
    np.savetxt(tmp_path / "d", shuffled)
    with pytest.raises(vh.Refusal, match="4 columns"):
        vh.spectra.read_measured(tmp_path / "d", q=0.5)
    got = vh.spectra.read_measured(tmp_path / "d", q=0.5, columns=("S", "-", "energy", "error"))
    np.testing.assert_allclose(got.S[0], files.S[0])
    falling = np.column_stack([files.ENERGY, files.S[0], files.ERROR[0]])[::-1]
    np.savetxt(tmp_path / "e", falling)
    np.testing.assert_allclose(vh.spectra.read_measured(tmp_path / "e", q=0.5).S[0], files.S[0])
    np.savetxt(tmp_path / "f", falling[:, :2])
    with pytest.warns(vh.base.errors.VanhoveWarning, match="no errors"):
        assert "S_error" not in vh.spectra.read_measured(tmp_path / "f", q=0.5)


def test_numbered_blocks_need_their_q(tmp_path: Path) -> None:
    """A number of a spectrum above each block, as some programs write, is not taken for a Q."""
    rows = []
    for number in (1, 2, 3):
        rows.append(str(number))
        rows += [
            f"{e:.8g},{a:.8g},{b:.8g}"
            for e, a, b in zip(files.ENERGY, files.S[number - 1], files.ERROR[number - 1], strict=True)
        ]
    (tmp_path / "a.txt").write_text("# X , Y , E\n" + "\n".join(rows))
    with pytest.raises(vh.Refusal, match="Give q="):
        vh.spectra.read_measured(tmp_path / "a.txt")
    expect(vh.spectra.read_measured(tmp_path / "a.txt", q=files.Q))


def test_a_shorter_spectrum_is_masked_with_a_warning(tmp_path: Path) -> None:
    path = files.columns(tmp_path / "a", "q")
    path.write_text("\n".join(path.read_text().splitlines()[:-4]))
    with pytest.warns(vh.base.errors.VanhoveWarning, match="15 of 19 energies"):
        got = vh.spectra.read_measured(path)
    assert np.isnan(got.S[2, -4:]).all()


BAD = {
    "0.1 1 0.1\n0.3 1 0.1\n0.2 1 0.1\n": "not in order: 0.2 comes after 0.3",
    "0.1 1 0.1\n0.1 1 0.1\n0.2 1 0.1\n": "not in order",
    "0.1 1 0.1\n0.2 1 0\n0.3 nan 0.1\n0.4 1 -1\n".replace("0.1 1 0.1\n", "0.1 nan 0.1\n"): "All points are masked",
    "0.1 1 0.1\n0.2 1 0.1\n0.3 1\n": "Line 3 has 2 columns",
    "0.1 1 0.1\n0.2 *** 0.1\n0.3 1 0.1\n": "Line 2 is not all numbers",
    "nan 1 0.1\n0.2 1 0.1\n0.3 1 0.1\n": "1 energies are no numbers",
    "no numbers here\n": "no table of numbers",
    "0.1 1 0.1\n": "has 1 energies",
    "   \n": "is empty",
    "# Q (nm^-1)\n0.1 1 0.1\n0.2 1 0.1\n": "tenth of that|0.5",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_columns(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.dat"
    path.write_text(text)
    if "nm" in text:
        vh.spectra.read_measured(path, q=0.5)  # Q that is asked for is in 1/Å whatever a comment says
        return
    with pytest.raises(vh.Refusal, match=BAD[text]) as refused:
        vh.spectra.read_measured(path, q=0.5)
    assert "bad.dat" in str(refused.value)
    assert refused.value.do


def test_q_in_nanometres_is_not_taken_for_angstroms(tmp_path: Path) -> None:
    path = files.columns(tmp_path / "a", "q", comment="# Q (nm^-1), energy (meV), S, error")
    with pytest.raises(vh.Refusal, match="a tenth"):
        vh.spectra.read_measured(path)


def test_damaged_and_foreign_files(tmp_path: Path) -> None:
    read = vh.spectra.read_measured
    with pytest.raises(vh.Refusal, match="can't be read"):
        read(tmp_path / "none.nxs")
    whole = files.mantid(tmp_path / "a.nxs").read_bytes()
    for part in (200, len(whole) // 2, len(whole) - 100):
        (tmp_path / "b.nxs").write_bytes(whole[:part])
        with pytest.raises(vh.Refusal, match=r"truncated or damaged.*b\.nxs|b\.nxs.*no layout"):
            read(tmp_path / "b.nxs")
    (tmp_path / "c").write_bytes(b"\x0e\x03\x13\x01" + bytes(100))
    with pytest.raises(vh.Refusal, match="HDF4"):
        read(tmp_path / "c")
    (tmp_path / "d").write_bytes(b"\x93NUMPY\x01\x00" + bytes(100))
    with pytest.raises(vh.Refusal, match="neither HDF5 nor text"):
        read(tmp_path / "d")
    with h5py.File(tmp_path / "e", "w") as file:
        file["something"] = np.arange(3)
    with pytest.raises(vh.Refusal, match="holds something"):
        read(tmp_path / "e")
    with pytest.raises(vh.Refusal, match="not one of format='lamp'"):
        read(files.mantid(tmp_path / "f"), format="lamp")
    with pytest.raises(vh.Refusal, match="Did you mean 'lamp'"):
        read(tmp_path / "f", format="lmap")
    with pytest.raises(vh.Refusal, match="is not HDF5"):
        read(files.dave(tmp_path / "g"), format="mantid")
    vh.save(read(tmp_path / "f"), tmp_path / "h.nc")
    with pytest.raises(vh.Refusal, match=r"vh\.load"):
        read(tmp_path / "h.nc")


@pytest.mark.parametrize("missing", ["errors", "axis1", "axis2", "workspace"])
def test_missing_arrays_are_named(missing: str, tmp_path: Path) -> None:
    path = files.mantid(tmp_path / "a.nxs")
    with h5py.File(path, "a") as file:
        group = file["mantid_workspace_1"]
        del (group if missing == "workspace" else group["workspace"])[missing]
    with pytest.raises(vh.Refusal, match=r"a\.nxs"):
        vh.spectra.read_measured(path)


def test_wrong_shapes_are_refused(tmp_path: Path) -> None:
    for name, change in {
        "errors": np.ones((3, 18)),
        "axis1": np.arange(25.0),
        "axis2": np.arange(7.0),
    }.items():
        path = files.mantid(tmp_path / f"{name}.nxs")
        with h5py.File(path, "a") as file:
            group = file["mantid_workspace_1/workspace"]
            attributes = dict(group[name].attrs)
            del group[name]
            group[name] = change
            group[name].attrs.update(attributes)
        with pytest.raises(vh.Refusal, match=r"shape"):
            vh.spectra.read_measured(path)


def test_nothing_outside_the_file_is_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["values"] = files.S
    path = files.mantid(tmp_path / "a.nxs")
    with h5py.File(path, "a") as file:
        group = file["mantid_workspace_1/workspace"]
        del group["values"]
        group["values"] = h5py.ExternalLink("secret.h5", "/values")
    with pytest.raises(vh.Refusal, match="another file"):
        vh.spectra.read_measured(path)


def test_dave_cut_off_and_broken(tmp_path: Path) -> None:
    lines = files.dave(tmp_path / "a.grp").read_text().splitlines()
    (tmp_path / "b.grp").write_text("\n".join(lines[:-3]))
    with pytest.raises(vh.Refusal, match="ends too soon"):
        vh.spectra.read_measured(tmp_path / "b.grp")
    lines[30] = "broken"
    (tmp_path / "c.grp").write_text("\n".join(lines))
    with pytest.raises(vh.Refusal, match="Line 31 is not"):
        vh.spectra.read_measured(tmp_path / "c.grp")


def test_a_spectrum_that_breaks_detailed_balance_is_told(tmp_path: Path) -> None:
    """The side of energy loss has to be the stronger one; where it is not, the sign is likely the other."""
    energy = np.linspace(-30, 30, 61)
    model = scatterers.Harmonic(scatterers.peaks, mass=23.0, temperature=100.0)
    S = model.spectrum(np.array([2.0]), energy, 0.8)
    np.savetxt(tmp_path / "right", np.column_stack([energy, S[0], 0.01 * S[0]]))
    np.savetxt(tmp_path / "wrong", np.column_stack([-energy, S[0], 0.01 * S[0]]))
    vh.spectra.read_measured(tmp_path / "right", q=2.0, temperature=100)
    with pytest.warns(vh.base.errors.VanhoveWarning, match="flip_energy=True"):
        vh.spectra.read_measured(tmp_path / "wrong", q=2.0, temperature=100)
    vh.spectra.read_measured(tmp_path / "wrong", q=2.0, temperature=100, flip_energy=True)


def test_water_on_in5(shared_data: Path) -> None:
    got = vh.spectra.read_measured(shared_data / "qens-water-in5" / "H2O_293K_8A.hdf")
    assert dict(got.sizes) == {"q": 11, "energy": 560}
    np.testing.assert_array_equal(got.q, [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3])
    assert got.attrs["temperature"] == pytest.approx(293.569)
    np.testing.assert_array_equal(np.isnan(got.S).sum("energy"), [366, 200, 90, 0, 0, 0, 0, 0, 0, 15, 67])
    # E > 0 is loss: at Q = 0.3 the smallest angle, the same for both ends, is what limits the energies
    reached = got.energy.values[np.isfinite(got.S.values[0])]
    k_i = np.sqrt(81.8042 / 64 / 2.07212485)
    angle = [
        np.degrees(np.arccos((k_i**2 + k_f**2 - 0.09) / (2 * k_i * k_f)))
        for k_f in np.sqrt((81.8042 / 64 - reached[[0, -1]]) / 2.07212485)
    ]
    assert abs(angle[0] - angle[1]) < 1.0


def test_all_other_data_at_hand(shared_data: Path) -> None:
    for path in (shared_data / "qens-models").glob("*.hdf"):
        assert dict(vh.spectra.read_measured(path).sizes) == {"q": 10, "energy": 401}
    iris = vh.spectra.read_measured(shared_data / "qens-models" / "data_2lorentzians.dat", q=0.7)
    assert iris.sizes["energy"] > 1000
    vanadium = vh.spectra.read_measured(shared_data / "ins-vanadium" / "V-iqe.h5")
    assert float(vanadium.energy.max()) == pytest.approx(118.2)
    assert vanadium.attrs["masked_points"] == 13095 + 195
