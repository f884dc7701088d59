"""A sample's stack in one line."""

from __future__ import annotations

from analysis.sample import LayerTable, MediumTable, Sample

_NANOMETRE = 1e-9


def stack_line(sample: Sample) -> str:
    """Write the stack from the substrate to the ambient, thicknesses in nm.

    E.g. "fused-silica / AlOx 2 / Py 32 / AlOx 2 / SiO2 3 / air (nm)".
    """
    layers = [
        _medium(sample.substrate),
        *(_layer(layer) for layer in reversed(sample.below)),
        f"{sample.film.material} {sample.film.thickness.value / _NANOMETRE:.4g}",
        *(_layer(layer) for layer in sample.above),
        _medium(sample.ambient),
    ]
    return f"{' / '.join(layers)} (nm)"


def _layer(layer: LayerTable) -> str:
    return f"{_medium(layer)} {layer.thickness / _NANOMETRE:.4g}"


def _medium(medium: LayerTable | MediumTable) -> str:
    if medium.material is not None:
        return medium.material
    assert medium.index is not None  # a medium has a material or an index
    index = medium.index
    return f"n={index.real:g}{index.imag:+g}i" if index.imag else f"n={index.real:g}"
