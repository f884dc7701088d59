"""Model inputs of a sample as a person edits them: in the units of the laboratory, with keys of the sample file."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.configuration import Uncertain, units
from analysis.sample import Sample


@dataclass(frozen=True)
class ModelInput:
    """One input of the model.

    Attributes
    ----------
    key
        In the sample file, e.g. "film.thickness".
    label
        In words.
    unit
        Unit in which value and uncertainty are written; "" for pure numbers and names.
    value
        As written; a complex number or the name of a material for some.
    std
        Standard uncertainty as written; None for inputs that have none.
    """

    key: str
    label: str
    unit: str
    value: str
    std: str | None = None

    def setting(self, value: str, std: str | None) -> str:
        """Write another value, and another uncertainty, as the sample file takes them."""
        uncertain = value if std is None else f"{value.strip()} +- {std.strip() or '0'}"
        return f"{uncertain} {self.unit}".strip()


_FILM = (
    ("thickness", "Thickness", "nm", "m"),
    ("n", "Refractive index n", "", ""),
    ("k", "Extinction k", "", ""),
    ("saturation_induction", "Saturation µ₀Mₛ", "T", "T"),
    ("effective_field", "Effective field", "T", "T"),
    ("exchange_stiffness", "Exchange stiffness", "pJ/m", "J/m"),
    ("surface_anisotropy_bottom", "Anisotropy, bottom", "mJ/m^2", "J/m^2"),
    ("surface_anisotropy_top", "Anisotropy, top", "mJ/m^2", "J/m^2"),
    ("conductivity", "Conductivity", "MS/m", "S/m"),
)  # key, label, unit as written, SI unit


def model_inputs(sample: Sample) -> list[ModelInput]:
    """Inputs of the model that can be changed without measuring again, film first, then geometry, coil and layers."""
    film = sample.film
    inputs = [_uncertain(f"film.{key}", label, getattr(film, key), unit, si) for key, label, unit, si in _FILM]
    inputs.insert(3, ModelInput("film.voigt", "Voigt parameter Q", "", _complex(film.voigt)))
    coercive = _number(film.coercive_field, "mT", "T")
    inputs.append(ModelInput("film.coercive_field", "Coercive field", "mT", coercive))
    inputs.append(_uncertain("geometry.width", "Width", sample.geometry.width, "um", "m"))
    inputs.append(_uncertain("coil.field_per_ampere", "Calibration field", sample.coil.field_per_ampere, "mT/A", "T/A"))
    for side, layers in (("above", sample.above), ("below", sample.below)):
        for place, layer in enumerate(layers):
            key, name = f"{side}.{place}", f"Layer {place + 1} {side}"
            inputs.append(_medium(key, name, layer.material, layer.index))
            inputs.append(
                ModelInput(f"{key}.thickness", f"{name}, thickness", "nm", _number(layer.thickness, "nm", "m"))
            )
    inputs.append(_medium("substrate", "Substrate", sample.substrate.material, sample.substrate.index))
    return inputs


def _medium(key: str, name: str, material: str | None, index: complex | None) -> ModelInput:
    if material is not None:
        return ModelInput(f"{key}.material", f"{name}, material", "", material)
    assert index is not None  # a medium has a material or an index
    return ModelInput(f"{key}.index", f"{name}, index", "", _complex(index))


def _uncertain(key: str, label: str, number: Uncertain, unit: str, si: str) -> ModelInput:
    return ModelInput(key, label, unit, _number(number.value, unit, si), _number(number.std, unit, si))


def _number(value: float, unit: str, si: str) -> str:
    return f"{units().Quantity(value, si).m_as(unit) if unit else value:.10g}"


def _complex(value: complex) -> str:
    return f"{value.real:.10g}{value.imag:+.10g}j"
