"""The shipped material library against its sources; how names, ranges and conventions are read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis import Film, configuration, magnetic_constants, refractive_index
from analysis.errors import InputError
from analysis.material_file import MaterialFile

SHIPPED = sorted((configuration.folders()[-1] / "materials").glob("*.toml"))

# The constants that the fit of the measured thickness series stands on.
AT_780_NM = {
    "Py": 2.38 + 4.36j,
    "Ni": 2.10 + 4.30j,
    "Fe": 2.69 + 3.68j,
    "Co": 2.39 + 4.45j,
    "CoFeB": 2.85 + 4.06j,
    "Si": 3.7 + 0.008j,
    "SiO2": 1.47,
    "fused-silica": 1.4537,
    "AlOx": 1.62,
    "Pt": 2.73 + 6.04j,
    "Cu": 0.153 + 4.84j,
    "Al": 2.65 + 8.47j,
    "Au": 0.147 + 4.74j,
    "air": 1.0,
}
MAGNETIC = {
    "Py": (0.0036 - 0.011j, 1.09, 12.22e-12),
    "Ni": (0.004 - 0.006j, 0.54, 8.1e-12),
    "Fe": (0.030 - 0.010j, 2.24, 19.7e-12),
    "Co": (0.030 - 0.011j, 2.00, 23.9e-12),
    "CoFeB": (0.012 - 0.012j, 1.50, 10.5e-12),
}

# Points of the sources that the thinned tables leave out, the worst of each among them: nm, index, stated accuracy.
LEFT_OUT = [
    ("Py-Tikuisis2017", 542, 2.0742 + 3.5549j, 0.006),
    ("Py-Tikuisis2017", 782, 2.8492 + 4.4775j, 0.006),
    ("Py-Tikuisis2017", 1312.5, 4.1556 + 5.9185j, 0.006),
    ("Pt-Tselin2024", 598.989, 2.072 + 4.846j, 0.006),
    ("Pt-Tselin2024", 850.675, 2.897 + 6.418j, 0.006),
    ("Pt-Tselin2024", 1397.099, 4.731 + 8.541j, 0.006),
    ("W", 529.8, 3.49 + 2.716j, 0.03),
    ("W", 700.8, 3.871 + 2.879j, 0.03),
    ("W", 1107, 2.991 + 3.994j, 0.03),
    ("Si-Green2008", 710, 3.759 + 0.010057j, 0.005),
    ("Si-Green2008", 780, 3.691 + 0.0063933j, 0.005),
    ("Si-Green2008", 1260, 3.509, 0.005),
    ("SiO2-Gao2013", 544, 1.479359, 6e-4),
    ("SiO2-Gao2013", 1006, 1.470636, 6e-4),
    ("AlOx-Boidin2016", 660, 1.67594, 6e-4),
    ("AlOx-Boidin2016", 1160, 1.66405, 6e-4),
]


def test_the_library_holds_every_promised_material():
    assert {*AT_780_NM, "Ta", "W", "MgO"} <= {path.stem for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_file_is_valid_and_names_its_sources(path: Path):
    data = configuration.parse_toml(configuration.read_text(path), path.name)
    material = configuration.validate(MaterialFile, data, path.name)
    assert material.name == path.stem
    sources = [material.optical.source] + ([material.magnetic.source] if material.magnetic else [])
    # A journal's year in brackets, the published simulation, or a convention.
    assert all(re.search(r"\((19|20)\d\d\)|MOKE-Singal-Simulation", source) for source in sources)


@pytest.mark.parametrize(("material", "index"), AT_780_NM.items())
def test_the_index_at_780_nm_is_exactly_the_authors(material: str, index: complex):
    assert refractive_index(material, 780e-9) == index


@pytest.mark.parametrize(("material", "constants"), MAGNETIC.items())
def test_magnetic_constants_are_those_of_the_authors_at_780_nm(material: str, constants: tuple[complex, float, float]):
    found = magnetic_constants(material)
    voigt, induction, stiffness = constants
    assert (found.voigt, found.saturation_induction) == (voigt, induction)
    assert found.exchange_stiffness == pytest.approx(stiffness, rel=1e-12)
    assert found.wavelength == 780e-9
    assert "MOKE-Singal-Simulation" in found.source


@pytest.mark.parametrize(("material", "wavelength", "index", "accuracy"), LEFT_OUT)
def test_a_thinned_table_returns_the_source_points_that_it_leaves_out(
    material: str, wavelength: float, index: complex, accuracy: float
):
    difference = refractive_index(material, wavelength * 1e-9) - index
    assert max(abs(difference.real), abs(difference.imag)) < accuracy


def test_extinction_of_silicon_keeps_its_stated_accuracy():
    assert_allclose(refractive_index("Si-Green2008", [700e-9, 1020e-9]).imag, [0.010528, 0.00032386], atol=3e-4)


def malitson(micrometre):
    """Sellmeier formula of fused silica, J. Opt. Soc. Am. 55, 1205 (1965)."""
    strengths, resonances = (0.6961663, 0.4079426, 0.8974794), (0.0684043, 0.1162414, 9.896161)
    square = micrometre**2
    return np.sqrt(1 + sum(b * square / (square - c**2) for b, c in zip(strengths, resonances, strict=True)))


def stephens(micrometre):
    """Dispersion formula of MgO, J. Res. Natl. Bur. Stand. 49, 249 (1952)."""
    square = micrometre**2
    return np.sqrt(
        2.956362 + 0.02195770 / (square - 0.01428322) - 0.01062387 * square - 0.0000204968 * square**2
    )  # fmt: skip


@pytest.mark.parametrize(
    ("material", "formula", "low"), [("fused-silica", malitson, 0.35), ("MgO", stephens, 0.40)]
)  # fmt: skip
def test_a_tabulated_formula_stays_within_1e_4_between_its_rows(material: str, formula, low: float):
    wavelength = np.linspace(low, 1.65, 2000)
    assert_allclose(refractive_index(material, wavelength * 1e-6), formula(wavelength), atol=1e-4)


def test_wavelengths_keep_their_shape():
    index = refractive_index("Au", np.linspace(400e-9, 1600e-9, 6).reshape(2, 3))
    assert index.shape == (2, 3)
    assert refractive_index("Au", 780e-9).shape == ()


@pytest.mark.parametrize("wavelength", [349e-9, 1651e-9, [780e-9, 2e-6], np.nan])
def test_a_wavelength_outside_the_data_names_their_range(wavelength):
    with pytest.raises(InputError, match=r"fused-silica must be 350 to 1650 nm.*Malitson"):
        refractive_index("fused-silica", wavelength)


def test_a_single_value_is_not_used_elsewhere_and_other_tables_are_named():
    with pytest.raises(
        InputError, match=r"Pt must be 780 nm.*received 633\. nm.*Pt-Tselin2024 \(398\.6 to 1600\.8 nm\)"
    ):
        refractive_index("Pt", 633e-9)


def test_an_unknown_material_lists_what_exists():
    with pytest.raises(InputError, match=r"one of .*Pt-Tselin2024.*received 'Platin'"):
        refractive_index("Platin")


def test_a_material_without_magnetism_lists_those_with_it():
    with pytest.raises(InputError, match=r"one of Co, CoFeB, Fe, Ni, Py; received 'Cu'"):
        magnetic_constants("Cu")


def write_material(folder: Path, **changes: str) -> str:
    keys = {
        "wavelength_n_k": '[["633 nm", 2.0, 4.0], ["780 nm", 2.5, 4.5]]',
        "voigt": '"0.02-0.01j"',
        "voigt_convention": '"eps_xy = -i n^2 Q m_z, exp(-i w t)"',
    } | changes
    path = folder / "own.toml"
    path.write_text(
        'name = "own"\n[optical]\nsource = "own"\n'
        f"wavelength_n_k = {keys['wavelength_n_k']}\n"
        '[magnetic]\nsource = "own"\nwavelength = "633 nm"\nsaturation_induction = "1.2 T"\n'
        f'exchange_stiffness = "15 pJ/m"\nvoigt = {keys["voigt"]}\nvoigt_convention = {keys["voigt_convention"]}\n',
        encoding="utf-8",
    )
    return str(path)


def test_an_own_file_is_read_with_units(tmp_path: Path):
    path = write_material(tmp_path)
    assert_allclose(refractive_index(path, 706.5e-9), 2.25 + 4.25j)
    assert magnetic_constants(path).wavelength == pytest.approx(633e-9)


@pytest.mark.parametrize("sign", ["-", "+"])
@pytest.mark.parametrize("time", ["-", "+"])
def test_a_voigt_parameter_of_any_convention_means_the_same_permittivity(tmp_path: Path, sign: str, time: str):
    convention = f"eps_xy = {sign}i n^2 Q m_z, exp({time}i w t)"
    path = write_material(tmp_path, voigt='"0.02-0.01j"', voigt_convention=f'"{convention}"')
    index, given = 2.5 + 4.5j, 0.02 - 0.01j
    # Where time runs as exp(+i w t) the index is n - ik; conjugation brings the permittivity to exp(-i w t).
    there = index.conjugate() if time == "+" else index
    off_diagonal = (1j if sign == "+" else -1j) * there**2 * given
    here = off_diagonal.conjugate() if time == "+" else off_diagonal
    assert_allclose(-1j * index**2 * magnetic_constants(path).voigt, here, rtol=1e-14)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wavelength_n_k": "[[780e-9, 2.5, 4.5], [633e-9, 2.0, 4.0]]"}, "ascending order; 6.33e-07 m follows 7.8e-07"),
        ({"wavelength_n_k": "[[780e-9, 2.5, -4.5]]"}, r"wavelength_n_k\.0\.2.*greater than or equal to 0.*-4\.5"),
        ({"wavelength_n_k": "[]"}, "wavelength_n_k"),
        ({"voigt_convention": '"as in the textbook"'}, "voigt_convention.*as in the textbook"),
    ],
)  # fmt: skip
def test_a_faulty_file_is_refused_with_key_and_value(tmp_path: Path, changes: dict[str, str], message: str):
    with pytest.raises(InputError, match=message):
        magnetic_constants(write_material(tmp_path, **changes))


def test_a_film_of_a_material_takes_its_constants_and_the_changes():
    film = Film.from_material("Py", 32e-9)
    assert (film.index, film.voigt, film.thickness) == ("Py", 0.0036 - 0.011j, 32e-9)
    assert (film.effective_field, film.exchange_stiffness) == pytest.approx((1.09, 12.22e-12), rel=1e-12)
    assert Film.from_material("Py", 4e-9, saturation_induction=1.0).effective_field == 1.0
    changed = Film.from_material("Py", [4e-9, 8e-9], effective_field=0.9, index=2.4 + 4.3j, conductivity=4e6)
    assert (changed.effective_field, changed.index, changed.conductivity) == (0.9, 2.4 + 4.3j, 4e6)
