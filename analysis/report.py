"""The report of an analysis: one page with numbers, figures and their origin, that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.page import Drawing, drawing, render, write_page
from analysis.report_figures import ReportFigure, finding_figure, sample_figures, series_figures
from analysis.report_origin import choices_rows, runs_rows, shared_facts
from analysis.result import Systematic, TorqueResult
from analysis.run_sources import RunSource, run_sources
from analysis.systematics import budget_unit
from analysis.typography import estimate_text, formula, name_text, quantity_text, typeset, value_and_std
from analysis.verdict import sample_verdict, series_verdict

if TYPE_CHECKING:
    from analysis.finding import Finding
    from analysis.run_analysis import Analysis
    from analysis.sample_analysis import SampleAnalysis
    from analysis.thickness_series import SeriesAnalysis

GLOSSARY = (
    "Signs: +z from the substrate to the cap, +x along the current, mₓ = sign of the field; a positive torque tilts "
    "the magnetisation towards +z; efficiency and torque conductivity carry the sign of the bottom torque.",
    "Units: SI; fields are inductions µ₀H, alternating amplitudes peak values, angles radians; torques per area; "
    "torque conductivity (2e/ħ) τ/E; “±” is one standard uncertainty.",
)
_OVERVIEW = ("Torque, bottom", "Efficiency", "Torque conductivity", "Agreement of channels, p")
_EFFECTS = ("torque", "efficiency", "torque_conductivity")
_FEW = 3  # samples that a title names
_MANY = 100  # degrees of freedom above which Student's t is a normal distribution
_WIDE = 2  # panels from which a finding's figure takes the full width


def write_report(path: Path, analysis: Analysis) -> None:
    """Write the page of `report_html`.

    Raises
    ------
    AsotError
        Where it cannot be written.
    """
    write_page(path, report_html(analysis))


def report_html(analysis: Analysis) -> str:
    """Page of an analysis.

    Parameters
    ----------
    analysis
        From `analyze`; what its run files say about themselves is read from them again.

    Returns
    -------
    str
        HTML with styles and drawings inside; the same analysis of the same files gives the same text.
    """
    runs = run_sources(entry.path for entry in analysis.inputs if entry.verdict != "left out")
    samples = [_sample(entry, number) for number, entry in enumerate(analysis.samples, 1)]
    findings = [_finding(finding, number) for number, finding in enumerate(analysis.findings, 1)]
    names = list(dict.fromkeys(entry.sample.name for entry in analysis.samples)) or list(
        dict.fromkeys(finding.sample for finding in analysis.findings)
    )
    listed = ", ".join(names) if len(names) <= _FEW else f"{len(names)} samples"
    contents = [("summary", "Summary"), *((sample["anchor"], sample["name"]) for sample in samples)]
    contents += [("series", "Thickness series")] if analysis.series is not None else []
    contents += [("findings", "Other measurements")] if findings else []
    context = {
        "title": f"Spin-orbit torque of {listed}" if names else "Analysis without a result",
        "subtitle": _subtitle(runs),
        "contents": [*contents, ("provenance", "Provenance")],
        "samples": samples,
        "series": None if analysis.series is None else _series(analysis.series),
        "findings": findings,
        "warnings": analysis.warnings,
        "overview_columns": _OVERVIEW,
        "glossary": GLOSSARY,
        "choices": choices_rows(analysis.choices),
        "runs": runs_rows(runs),
        "shared": shared_facts(runs),
    }
    return render("report.html.j2", context)


def _subtitle(runs: Sequence[RunSource]) -> str:
    if not runs:
        return "No run files"
    days = sorted({run.start[:10] for run in runs})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    benches = ", ".join(dict.fromkeys(run.bench for run in runs if run.bench))
    files = "1 run file" if len(runs) == 1 else f"{len(runs)} run files"
    return f"{files} of {when}" + (f", bench {benches}" if benches else "")


def _sample(entry: SampleAnalysis, number: int) -> dict[str, Any]:
    result, sample = entry.result, entry.sample
    imaginary = result.checks["imaginary_torque"]
    density = estimate_text(result.current_density)
    conductivity = "unknown" if result.torque_conductivity is None else estimate_text(result.torque_conductivity)
    torque, efficiency = estimate_text(result.torque_bottom), estimate_text(result.efficiency)
    film = f"{formula(sample.film.material)} {quantity_text(sample.film.thickness.value, 'm')}"
    checks = [(name_text(name), estimate_text(check)) for name, check in result.checks.items()]
    return {
        "anchor": f"sample-{number}",
        "name": sample.name,
        "description": sample.description,
        "film": film,
        "verdict": sample_verdict(entry),
        "facts": [
            (f"Torque at the bottom, at {density}", torque),
            ("Torque at the top", estimate_text(result.torque_top)),
            ("Spin-torque efficiency", efficiency),
            ("Torque conductivity (ħ/2e)", conductivity),
            ("Film, light", f"{film}, from the {entry.side}"),
            ("Noise of the data", _noise(result)),
        ],
        "overview": [typeset(str(result.torque_bottom)), efficiency, conductivity, f"{imaginary.p_value():.2g}"],
        "inputs": [
            (name_text(name), *value_and_std(one.value, one.std, budget_unit(name)))
            for name, one in sample.uncertainties().items()
        ],
        "results": [*_results(result), ("current density of the runs", quantity_text(entry.current_density, "A/m^2"))],
        "checks": [
            *checks,
            ("agreement of channels, χ²", f"{result.chi2:.3g} for {result.dof} dof"),
            ("its probability by chance", f"{imaginary.p_value():.2g}"),
        ],
        "budget": _budget(result),
        "figures": _drawings(sample_figures(entry, number)),
    }


def _results(result: TorqueResult) -> list[tuple[str, str]]:
    rows = [
        ("torque at the bottom", estimate_text(result.torque_bottom)),
        ("torque at the top", estimate_text(result.torque_top)),
        ("spin-torque efficiency", estimate_text(result.efficiency)),
    ]
    if result.torque_conductivity is not None:
        rows.append(("torque conductivity (ħ/2e)", estimate_text(result.torque_conductivity)))
    rows.append(("at the current density", estimate_text(result.current_density)))
    return rows


def _noise(result: TorqueResult) -> str:
    torque = result.torque_bottom
    if torque.noise_std is None or not torque.value:
        return "unknown"
    share = f"{100 * abs(torque.noise_std / torque.value):.2g} % of the torque"
    return share if torque.dof is None or torque.dof > _MANY else f"{share}, {torque.dof:.3g} dof"


def _budget(result: TorqueResult) -> list[tuple[str, ...]]:
    rows = [
        (
            name_text(entry.name),
            *value_and_std(entry.value, entry.std, budget_unit(entry.name)),
            *(_percent(entry, effect) for effect in _EFFECTS),
        )
        for entry in sorted(result.systematics, key=lambda entry: -abs(entry.effects["torque"]))
    ]
    noise = result.torque_bottom.noise_std
    if rows and noise is not None and result.torque_bottom.value:
        share = f"± {100 * abs(noise / result.torque_bottom.value):.1f} %"
        rows.append(("noise of the data", "", "", *(share for _ in _EFFECTS)))
    return rows


def _percent(entry: Systematic, effect: str) -> str:
    return typeset(f"{100 * entry.effects[effect]:+.1f} %") if effect in entry.effects else ""


def _series(series: SeriesAnalysis) -> dict[str, Any]:
    result = series.result
    return {
        "verdict": series_verdict(series),
        "results": [
            *_results(result),
            ("imbalance of free torques", estimate_text(series.imbalance)),
            ("χ²", f"{result.chi2:.3g} for {result.dof} dof"),
            ("held alike", series.held),
        ],
        "films": [
            (
                entry.sample.name,
                quantity_text(thickness, "m"),
                *(
                    quantity_text(value, "rad", 3)
                    for value in (angle.real, residual.real, angle.imag, residual.imag)
                ),
            )
            for entry, thickness, angle, residual in zip(
                series.entries, series.thickness.tolist(), series.angles, result.residuals, strict=True
            )
        ],
        "budget": _budget(result),
        "figures": _drawings(series_figures(series)),
    }  # fmt: skip


def _finding(finding: Finding, number: int) -> dict[str, Any]:
    figure = finding_figure(finding, number)
    panels = len(finding.curves) + len(finding.maps)
    return {
        "anchor": f"finding-{number}",
        "title": f"{finding.procedure}, {finding.sample}",
        "source": ", ".join(finding.runs),
        "quantities": [
            (name_text(name), estimate_text(one) + (f" for {one.dof:g} dof" if name == "chi2" and one.dof else ""))
            for name, one in finding.quantities.items()
        ],
        "warnings": finding.warnings,
        "figure": None if figure is None else drawing(figure),
        "size": "" if panels >= _WIDE else "narrow",
    }  # fmt: skip


def _drawings(figures: Mapping[str, ReportFigure]) -> dict[str, Drawing | None]:
    return {"sample": None, "coil": None, "budget": None} | {name: drawing(figure) for name, figure in figures.items()}
