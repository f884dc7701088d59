"""The report of an analysis: complete, self-contained, the same for the same input, and safe against odd names."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from acquisition import Run, load_recipe
from acquisition.cli import app
from analysis.figure_style import publication_style, svg_text
from analysis.report import report_html
from analysis.report_figures import analysis_figures, write_figures
from analysis.run_analysis import Analysis, analyze
from analysis.run_file import file_sha256
from analysis.run_sources import RunSource, run_sources
from analysis.sample import read_sample
from analysis.stack_drawing import stack_figure
from instruments import open_bench

ODD_NAME = 'Py <b>32</b> & "silica" ✓'
FEW = {
    "procedures.9.steps": 6, "procedures.10.steps": 6, "procedures.10.repeats": 1,
    "procedures.10.time_constant": "10 s",
}  # fmt: skip


class Page(HTMLParser):
    """Tags, attributes and text of a page; it checks that tags close in order."""

    void = ("meta", "link", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.void:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    with open_bench(settings={"sample.name": ODD_NAME}) as bench:
        for planned in load_recipe("asot-pair", FEW).runs:
            if planned.number in (8, 9, 10):  # pick-up, calibration, ASOT
                run = Run(planned.procedure, folder, name=planned.name, number=planned.number, batch="pair")
                assert run.execute(bench).state == "finished"
    return folder


@pytest.fixture(scope="module")
def analysis(folder: Path) -> Analysis:
    return analyze([folder], current_density=5e10)


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[RunSource]:
    return run_sources([folder])


@pytest.fixture(scope="module")
def html(analysis: Analysis, runs: list[RunSource]) -> str:
    return report_html(analysis, runs, {"current density": "5e10 A/m^2"})


def test_page_needs_nothing_beside_it(html: str) -> None:
    page = Page(html)
    assert page.tags["script"] == page.tags["img"] == page.tags["iframe"] == 0
    references = page.values("href") + page.values("src") + page.values("xlink:href")
    assert references and all(reference.startswith("#") or reference == "data:," for reference in references)
    assert set(re.findall(r"url\((.)", html)) <= {"#"} and "@import" not in html
    names = page.values("id")
    assert len(names) == len(set(names))
    used = [reference.removeprefix("#") for reference in references if reference.startswith("#")]
    assert {*used, *re.findall(r"url\(#([^)]*)\)", html)} <= set(names)


def test_every_section_stands_on_the_page(html: str, analysis: Analysis, runs: list[RunSource]) -> None:
    page = Page(html)
    text = " ".join("".join(page.text).split())
    headings = (
        "Summary", "Sample and stack", "Result", "Over the depth of the film", "Loops as measured",
        "Loops under the sample current: parts, fits, residuals", "Systematics budget",
        "Loops under the calibration field: parts, fits, residuals", "Other measurements", "Provenance", "Run files",
        "Choices of this analysis", "Instruments", "Program",
    )  # fmt: skip
    assert [heading for heading in headings if heading not in text] == []
    drawings = [value for value in page.values("aria-label") if value != "Contents"]
    assert page.tags["svg"] == len(list(analysis_figures(analysis))) == len(drawings) == 7
    assert all(len(drawing) > 20 for drawing in drawings)
    assert all(run.run_id in text and run.sha256 in text and run.file in text for run in runs)
    assert "KEITHLEY INSTRUMENTS INC.,MODEL 6221" in text


def test_page_states_the_numbers_of_the_analysis_and_the_checksums_of_the_files(
    html: str, analysis: Analysis, folder: Path
) -> None:
    text = "".join(Page(html).text)
    torque = analysis.samples[0].result.torque_bottom
    assert torque.std
    stated = re.search(r"Opposite surface torques, (\d+) ± (\d+) nJ/m² at the bottom, at 5 × 10¹⁰ A/m²", text)
    assert stated and abs(float(stated[1]) - 1e9 * torque.value) < 1 and abs(float(stated[2]) - 1e9 * torque.std) < 1
    assert all(file_sha256(path) in text for path in folder.glob("run-*.h5"))


def test_same_analysis_gives_the_same_page_and_figures(
    html: str, analysis: Analysis, runs: list[RunSource], folder: Path, tmp_path: Path
) -> None:
    again = report_html(analyze([folder], current_density=5e10), runs, {"current density": "5e10 A/m^2"})
    assert again == html
    only = Analysis((), (), analysis.findings)
    first, second = write_figures(only, tmp_path / "a"), write_figures(only, tmp_path / "b")
    assert sorted(path.suffix for path in first) == [".pdf", ".png", ".svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_names_and_warnings_are_text_and_no_markup(html: str) -> None:
    assert ODD_NAME in "".join(Page(html).text) and "<b>32" not in html
    page = Page(report_html(Analysis((), ('run-<script src="x">.h5 left out & gone',))))
    assert page.tags["script"] == 0 and 'run-<script src="x">.h5 left out & gone' in "".join(page.text)


def test_analysis_without_a_result_gives_a_page_that_says_so() -> None:
    text = " ".join("".join(Page(report_html(Analysis((), ("run-1.h5 left out: it is damaged.",)))).text).split())
    assert "Nothing could be analysed" in text and "run-1.h5 left out: it is damaged." in text
    assert "No run file could be read." in text


def test_drawing_of_a_sample_names_its_layers_and_the_side_of_the_light() -> None:
    sample, _ = read_sample("py-series-silicon")
    with publication_style():
        figures = {side: stack_figure(sample, side) for side in ("top", "bottom")}  # type: ignore[arg-type]
        texts = [text.get_text() for text in figures["top"].axes[0].texts]
        assert {"Py, 48 nm", "n = 1.47, 1 µm", "Si substrate", "light, 780 nm", "current, +x"} <= set(texts)
        assert svg_text(figures["top"]) != svg_text(figures["bottom"])


def test_command_writes_page_and_figures(folder: Path, tmp_path: Path) -> None:
    page, figures = tmp_path / "new" / "report.html", tmp_path / "figures"
    arguments = ["analyze", str(folder), "--report", str(page), "--figures", str(figures), "--json"]
    assert app.main(arguments, standalone_mode=False) == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert Counter(path.suffix for path in figures.iterdir()) == {".svg": 7, ".pdf": 7, ".png": 7}
