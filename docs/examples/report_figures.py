"""Screenshots of docs/report.md: runs the demonstration's recipe, writes its report, takes pictures in Chromium.

Run from the project folder, with Chromium installed: python docs/examples/report_figures.py [--browser chromium]
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from acquisition import Run, load_recipe
from analysis.report import write_report
from analysis.run_analysis import analyze
from instruments import open_bench

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--browser", default="chromium")
parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parents[1] / "figures")
arguments = parser.parse_args()
with tempfile.TemporaryDirectory() as name:
    folder, page = Path(name), Path(name) / "report.html"
    with open_bench() as bench:
        for planned in load_recipe("asot-demo").runs:
            Run(planned.procedure, folder, name=planned.name, number=planned.number, batch="report").execute(bench)
    write_report(page, analyze([folder], current_density=5e10))
    command = [
        arguments.browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={folder / 'browser'}", "--window-size=1000,2250",
        f"--screenshot={arguments.folder / 'report.png'}", page.as_uri(),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=300, capture_output=True)
