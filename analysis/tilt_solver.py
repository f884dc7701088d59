"""Tilt of one or several magnetic films on cells: coupled films, graded films, torque absorbed over a depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError, UnstableFilmError
from analysis.stack import Film, FloatArray, Layer, film_sequence, require

CELL_SIZE = 0.4e-9
"""Thickness (m) of a cell where no number of cells is given."""

PerFilm = npt.ArrayLike | Sequence[npt.ArrayLike]
"""One value for every film, or a list or tuple with one per film, bottom to top."""


def solve_tilt(
    film: Film | Sequence[Film | Layer],
    field: npt.ArrayLike = 0.0,
    torque_top: PerFilm = 0.0,
    torque_bottom: PerFilm = 0.0,
    calibration_field: npt.ArrayLike = 0.0,
    m_x: npt.ArrayLike = 1.0,
    *,
    torque_density: PerFilm = 0.0,
    interface_exchange: Sequence[float] | None = None,
    cells: int | Sequence[int] | None = None,
) -> tuple[FloatArray, ...]:
    """Out-of-plane tilt m_z of the cells of one or several films.

    Parameters
    ----------
    film
        As `film` of a `Stack`: one film, or films bottom to top with the spacers between them. All numbers of the
        films broadcast with the other arguments. A film whose A, Ms or effective field depends on depth is a list
        of thin films that touch.
    field : (...)
        In-plane external field (T), either sign.
    torque_top, torque_bottom : (...)
        Torques (J/m^2) for m_x = 1 on the two faces of every film; where films touch, on either side of the face.
    calibration_field : (...)
        Out-of-plane field b_cal (T).
    m_x : (...)
        Projection of the unit magnetisation, common to all films, on the current, -1 to 1.
    torque_density : (..., cells)
        Torque (J/m^3) for m_x = 1 absorbed in each cell, bottom to top; see `cell_heights`.
    interface_exchange
        Energy J (J/m^2) of -J m1.m2 between neighbouring films, one per gap, at least 0; `math.inf` makes m
        continuous. Without it films that touch are continuous and films with a spacer between them do not couple.
    cells
        Number of cells of each film, or of all; 0.4 nm per cell where it is not given.

    Returns
    -------
    tuple of (..., cells)
        m_z (dimensionless) at the centres of the cells, bottom to top: one array per film, which `kerr_angle` takes
        as they are.

    Raises
    ------
    UnstableFilmError
        Where the in-plane state is not stable.
    InputError
        Where an argument is not finite, out of range or not one per film.

    Notes
    -----
    The energy of the linearised tilt is a quadratic form of m_z at the centres of the cells and at the faces of the
    films: 2A/h between neighbouring cells of thickness h, 4A/h between a cell and a face, h Ms (|B| + Beff) in a
    cell, -2K at a face. Its tridiagonal matrix is positive definite where the in-plane state is stable (LAPACK
    ptsv); a whole batch is one such system. The error goes as h^2.
    """
    parts = film_sequence(film)
    films = [part for part in parts if isinstance(part, Film)]
    counts = _cell_counts(films, cells)
    bonds = _interface_bonds(parts, interface_exchange)
    require("Field", field, "finite (T)", True, "Check the field list.")
    require("calibration_field", calibration_field, "finite (T)", True, "Check the value and its unit.")
    require("m_x", m_x, "finite", True, "Check the value.")
    strength, calibration, direction = (
        np.asarray(value, dtype=float)[..., np.newaxis] for value in (np.abs(field), calibration_field, m_x)
    )

    pushes = (
        _per_film(name, value, len(films))
        for name, value in (
            ("torque_top", torque_top),
            ("torque_bottom", torque_bottom),
            ("torque_density", torque_density),
        )
    )
    segments = []
    for one, count, top, bottom, density in zip(films, counts, *pushes, strict=True):
        cell = np.asarray(one.thickness, dtype=float)[..., np.newaxis] / count
        K_bottom, K_top = (np.asarray(K, dtype=float)[..., np.newaxis] for K in one.surface_anisotropy)
        Ms, A = one.saturation_magnetization[..., np.newaxis], np.asarray(one.exchange_stiffness)[..., np.newaxis]
        holding = cell * Ms * (strength + np.asarray(one.effective_field, dtype=float)[..., np.newaxis])
        inside = cell * (Ms * calibration + direction * np.atleast_1d(density))
        segments.append(
            _Chain(
                _row(-2 * K_bottom, np.repeat(holding, count, axis=-1), -2 * K_top),
                _row(direction * bottom[..., np.newaxis], _cells(inside, count), direction * top[..., np.newaxis]),
                A / cell * np.array([4.0, *[2.0] * (count - 1), 4.0]),
            )
        )
    solution = _solve(_join(segments, bonds), films)

    tilts, start = [], 1
    for index, count in enumerate(counts):
        tilts.append(solution[..., start : start + count])
        merged = index < len(bonds) and np.isinf(bonds[index])
        start += count + (1 if merged else 2)
    return tuple(tilts)


def cell_heights(
    film: Film | Sequence[Film | Layer], cells: int | Sequence[int] | None = None
) -> tuple[FloatArray, ...]:
    """Heights of the centres of the cells of `solve_tilt` (m), from the bottom face of the lowest film.

    Parameters
    ----------
    film, cells
        As in `solve_tilt`.

    Returns
    -------
    tuple of (..., cells)
        One array per film, bottom to top; spacers are counted in.
    """
    parts = film_sequence(film)
    counts = iter(_cell_counts([part for part in parts if isinstance(part, Film)], cells))
    heights = []
    base: FloatArray = np.asarray(0.0)
    for part in parts:
        thickness = np.asarray(part.thickness, dtype=float)
        if isinstance(part, Film):
            count = next(counts)
            heights.append(base[..., np.newaxis] + thickness[..., np.newaxis] * ((np.arange(count) + 0.5) / count))
        base = base + thickness
    return tuple(heights)


@dataclass(frozen=True)
class _Chain:
    """Nodes in a row: stiffness and push (..., nodes) of each, bonds (..., nodes - 1) between neighbours."""

    stiffness: FloatArray
    push: FloatArray
    bonds: FloatArray


def _join(segments: Sequence[_Chain], bonds: Sequence[float]) -> _Chain:
    """Chain of all films; an infinite bond makes the two faces one node."""
    whole = segments[0]
    for bond, segment in zip(bonds, segments[1:], strict=True):
        if np.isinf(bond):
            stiffness, push = (
                _row(below[..., :-1], below[..., -1:] + above[..., :1], above[..., 1:])
                for below, above in ((whole.stiffness, segment.stiffness), (whole.push, segment.push))
            )
            whole = _Chain(stiffness, push, _row(whole.bonds, segment.bonds))
        else:
            whole = _Chain(
                _row(whole.stiffness, segment.stiffness),
                _row(whole.push, segment.push),
                _row(whole.bonds, np.full(1, bond), segment.bonds),
            )
    return whole


def _solve(chain: _Chain, films: Sequence[Film]) -> FloatArray:
    """Tilt (..., nodes) of least energy."""
    from scipy.linalg.lapack import dptsv

    nodes = chain.push.shape[-1]
    leading = np.broadcast_shapes(*(array.shape[:-1] for array in (chain.stiffness, chain.push, chain.bonds)))
    diagonal = np.array(np.broadcast_to(chain.stiffness, (*leading, nodes)))
    diagonal[..., :-1] += chain.bonds
    diagonal[..., 1:] += chain.bonds
    # Systems of a batch follow one another with no bond between them, so that one call solves them all.
    beside = np.zeros((*leading, nodes))
    beside[..., :-1] = -chain.bonds
    push = np.broadcast_to(chain.push, (*leading, nodes))
    _, _, solution, info = dptsv(diagonal.ravel(), beside.ravel()[:-1], push.ravel())
    if info > 0:
        names = ", ".join(repr(film.name) for film in films)
        raise UnstableFilmError(
            f"The in-plane state of {names} must be stable; received surface anisotropies (bottom, top) "
            f"{[film.surface_anisotropy for film in films]!r} J/m^2 and effective fields "
            f"{[film.effective_field for film in films]!r} T, which turn it out of the plane. "
            "Check them and the thicknesses."
        )
    return np.asarray(solution, dtype=float).reshape(*leading, nodes)


def _row(*pieces: FloatArray) -> FloatArray:
    """Concatenate along the last axis; leading axes broadcast."""
    leading = np.broadcast_shapes(*(piece.shape[:-1] for piece in pieces))
    return np.concatenate([np.broadcast_to(piece, (*leading, piece.shape[-1])) for piece in pieces], axis=-1)


def _cells(value: FloatArray, count: int) -> FloatArray:
    """`value` (..., 1 or count) for each of `count` cells."""
    require("torque_density", value.shape[-1], f"one value or {count} along its last axis, one per cell",
            value.shape[-1] in (1, count), "See cell_heights.")  # fmt: skip
    return np.broadcast_to(value, (*value.shape[:-1], count))


def _per_film(name: str, value: PerFilm, count: int) -> list[FloatArray]:
    """Arrays of one argument, one per film."""
    values: list[Any] = list(value) if count > 1 and isinstance(value, (list, tuple)) else [value] * count
    require(name, len(values), f"one value, or a list of {count}, one per film", len(values) == count, "Split it.")
    for entry in values:
        require(name, entry, "finite", True, "Check the value and its unit.")
    return [np.asarray(entry, dtype=float) for entry in values]


def _cell_counts(films: Sequence[Film], cells: int | Sequence[int] | None) -> list[int]:
    if cells is None:
        return [max(1, round(float(np.max(film.thickness)) / CELL_SIZE)) for film in films]
    counts = [cells] * len(films) if isinstance(cells, (int, np.integer)) else list(cells)
    require(
        "cells", counts, f"a whole number of at least 1, or {len(films)} of them, one per film",
        len(counts) == len(films) and all(int(count) == count >= 1 for count in counts), "Leave it out for 0.4 nm.",
    )  # fmt: skip
    return [int(count) for count in counts]


def _interface_bonds(parts: Sequence[Film | Layer], interface_exchange: Sequence[float] | None) -> list[float]:
    gaps: list[float] = []
    for below, above in pairwise(parts):
        if isinstance(above, Film):
            gaps.append(np.inf if isinstance(below, Film) else 0.0)
    if interface_exchange is None:
        return gaps
    given = [float(J) for J in interface_exchange]
    if not (len(given) == len(gaps) and all(J >= 0 for J in given)):
        raise InputError(
            f"interface_exchange must be one energy of at least 0 J/m^2 per gap between films, {len(gaps)} in all; "
            f"received {given!r}. Films that couple antiparallel have no common direction; solve them apart."
        )
    return given
