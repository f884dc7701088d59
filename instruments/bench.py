"""The bench: opens every instrument of a bench file, real or simulated, and brings them all to a safe state."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from analysis import configuration
from analysis.errors import InputError
from analysis.optics import reflectance
from analysis.sample import Sample, read_sample
from analysis.stack import Side
from instruments import openers
from instruments.bench_file import BenchFile
from instruments.bench_lock import BenchLock
from instruments.clock import Clock, VirtualClock, WallClock
from instruments.defaults import DEFAULT_BENCH, DEFAULT_SAMPLE
from instruments.driver_tables import SoftwareLockInTable
from instruments.errors import DeviceError, LimitError
from instruments.interrupts import held_interrupts
from instruments.live import LiveReading, read_now
from instruments.manual import Prompt, nobody
from instruments.roles import (
    Attenuator,
    CurrentPath,
    CurrentSource,
    DifferenceDetector,
    Instrument,
    LockIn,
    Magnet,
    QuarterWavePlate,
    Recorder,
    Relay,
    Rotator,
    SafeStateReport,
    Shutter,
    SignalSwitch,
    Stage,
    SumDetector,
)
from instruments.safe_state import try_every_step
from instruments.software_lock_in import SoftwareLockIn

if TYPE_CHECKING:
    from instruments.simulation.wire import SimulatedWire

_BY_HAND = dict.fromkeys(
    ("field_angle", "signal_switch", "shutter", "attenuator"), ' (driver = "Manual" asks a person)'
)


class Bench:
    """Instruments by role, the sample under them, and the time they live in. Use it as a context manager.

    `open_bench` gives a complete one, `open_what_answers` one whose `faults` tell of the rest,
    `planned_bench.planned_bench` one without instruments, to plan on.

    Attributes
    ----------
    lock_in, sample_source, calibration_source, relay, magnet, stage, polarization_plate, analyser_plate, quarter_wave,
    sum_detector
        The roles.
    field_angle, perpendicular_magnet, signal_switch, shutter, attenuator, difference_detector
        Optional, None where the bench file has no such table: what turns the field against the sample, makes
        one along its normal, connects the lock-in, blocks the light, weakens it, tells the balance of the detector.
        `need` gives such a role, or says that it is missing.
    clock
        Time of the bench: virtual where it is simulated.
    sample
        The sample; its limits hold for every set-point.
    file
        The bench file as validated.
    faults
        Why a role could not be opened, for each that could not.
    notes
        Texts to be stored with the data: "bench" and "sample" verbatim, and "twin" where there is one.
    overrides
        Keys that were set beside the files (those of the twin are in its note alone).
    wire
        Simulated instruments behind the drivers, None on a real bench; for tests and demonstrations alone.
    """

    wire: SimulatedWire | None = None

    lock_in: LockIn
    sample_source: CurrentSource
    calibration_source: CurrentSource
    relay: Relay
    magnet: Magnet
    stage: Stage
    polarization_plate: Rotator
    analyser_plate: Rotator
    quarter_wave: QuarterWavePlate
    sum_detector: SumDetector
    field_angle: Rotator | None = None
    perpendicular_magnet: Magnet | None = None
    signal_switch: SignalSwitch | None = None
    shutter: Shutter | None = None
    attenuator: Attenuator | None = None
    difference_detector: DifferenceDetector | None = None

    def __init__(
        self,
        file: BenchFile,
        sample: Sample,
        *,
        notes: Mapping[str, str],
        overrides: Mapping[str, Any],
        realtime: bool = False,
        prompt: Prompt = nobody,
    ) -> None:
        self.prompt = prompt
        self.file, self.sample, self.notes, self.overrides = file, sample, dict(notes), dict(overrides)
        self.faults: dict[str, Exception] = {}
        self._closed = False
        self._occupied = False
        self._in_use = threading.RLock()
        self._resources = ExitStack()
        try:
            self._connect(realtime)
        except BaseException:
            with held_interrupts():  # what a crash left on is made safe as far as the bench could be opened
                self.make_safe()
                self._resources.close()
            raise

    def _connect(self, realtime: bool) -> None:
        file = self.file
        self.clock: Clock
        visa_library = grpc_options = None
        if file.simulation is None:
            self._resources.enter_context(BenchLock(file.name))  # a simulated bench is this program's own
            self.clock = WallClock()
        else:
            from instruments.simulation.wire import SimulatedWire

            virtual = VirtualClock(realtime=realtime)
            self.clock = virtual
            self.wire = SimulatedWire(file.simulation, self.sample, virtual, side=file.light_side)
            self._resources.callback(self.wire.close)
            visa_library, grpc_options = self.wire.visa_library, self.wire.grpc_options
            self.notes["twin"] = self.wire.secrets
            self.prompt = self.wire.operator  # the person is simulated, too

        connections = openers.Connections(
            file,
            self.clock,
            self._resources,
            visa_library=visa_library,
            grpc_options=grpc_options,
            prompt=self.prompt,
        )
        for role, opener in openers.role_openers(connections, self.sample).items():
            try:
                instrument = opener()
                instrument.take_over()
                setattr(self, role, instrument)
            except Exception as fault:  # whatever it is, the next instrument has its turn
                self.faults[role] = fault

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Every instrument, in the order in which they are made safe: currents first, then contacts, then the field."""
        roles = (
            "sample_source", "calibration_source", "relay", "magnet", "perpendicular_magnet", "signal_switch",
            "lock_in", "stage", "polarization_plate", "analyser_plate", "quarter_wave", "sum_detector", "field_angle",
            "shutter", "attenuator", "difference_detector",
        )  # fmt: skip
        return tuple(item for role in roles if (item := getattr(self, role, None)) is not None)

    @overload
    def need(self, role: Literal["field_angle"]) -> Rotator: ...
    @overload
    def need(self, role: Literal["perpendicular_magnet"]) -> Magnet: ...
    @overload
    def need(self, role: Literal["signal_switch"]) -> SignalSwitch: ...
    @overload
    def need(self, role: Literal["shutter"]) -> Shutter: ...
    @overload
    def need(self, role: Literal["attenuator"]) -> Attenuator: ...
    @overload
    def need(self, role: Literal["difference_detector"]) -> DifferenceDetector: ...
    def need(self, role: str) -> Instrument:
        """Instrument of the optional `role`, for a procedure that cannot do without.

        Raises
        ------
        InputError
            Where the bench file has no table of that name.
        """
        instrument: Instrument | None = getattr(self, role)
        if instrument is None:
            raise InputError(
                f"Bench {self.file.name!r} must have a {role}, which this procedure needs; it has none. Add a table "
                f"[{role}] to the bench file{_BY_HAND.get(role, '')}."
            )
        return instrument

    def check_current(self, path: CurrentPath, amplitude: float) -> None:
        """Raise `LimitError` where `amplitude` (A peak) on `path` exceeds what source or sample bear."""
        source = self.source(path)
        density = self.sample.current_density(amplitude)
        if path == "sample" and density > self.sample.limits.current_density:
            raise LimitError(
                f"Current density in {self.sample.name} must be at most "
                f"{self.sample.limits.current_density:.3g} A/m^2; setting the current to {amplitude:g} A makes "
                f"{density:.3g} A/m^2. Lower the current in the recipe."
            )
        power, bearable = self.sample.dissipation(amplitude), self.sample.limits.dissipation
        if path == "sample" and bearable is not None and power > bearable:
            raise LimitError(
                f"Dissipation in {self.sample.name} must be at most {bearable * 1e3:.3g} mW; setting the current to "
                f"{amplitude:g} A makes {power * 1e3:.3g} mW in {self.sample.resistance:.3g} ohm. Lower the current in "
                "the recipe."
            )
        if amplitude > source.largest_current:
            raise LimitError(
                f"{source.role}: amplitude must be at most {source.largest_current:g} A peak; setting it to "
                f"{amplitude:g} A is refused. Lower the current in the recipe."
            )
        if 0 < amplitude < source.least_current:
            raise LimitError(
                f"{source.role}: amplitude must be at least {source.least_current:.3g} A peak, its least; "
                f"setting it to {amplitude:g} A is refused. Raise the current in the recipe."
            )

    def check_frequency(self, path: CurrentPath, frequency: float) -> None:
        """Raise `LimitError` where `frequency` (Hz) on `path` exceeds what its source or the lock-in can do."""
        for instrument in (self.source(path), self.lock_in):
            if frequency > instrument.largest_frequency:
                raise LimitError(
                    f"{instrument.role}: frequency must be at most {instrument.largest_frequency:g} Hz; setting it to "
                    f"{frequency:g} Hz is refused. Lower the frequency in the recipe."
                )

    def check_field(self, field: float) -> None:
        """Raise `LimitError` where `field` (T) in the plane exceeds what magnet or sample bear."""
        self.magnet.check_field(field)

    def check_perpendicular_field(self, field: float) -> None:
        """Raise as `check_field` for `field` (T) along the normal; `InputError` where the bench cannot make one."""
        self.need("perpendicular_magnet").check_field(field)

    def scan_origin(self) -> tuple[float, float]:
        """Position (m) from which scans count: where the stage stands."""
        return self.stage.position()

    def check_laser_power(self) -> float:
        """Power on the sample (W) now; raises as `power_on_sample` does."""
        return self.power_on_sample(self.sum_detector.read())

    def power_on_sample(self, total: float) -> float:
        """Power on the sample (W) that a sum signal of `total` (V) means, by the reflectance of the model.

        Raises
        ------
        LimitError
            Where it exceeds what the sample bears; a shutter is closed.
        DeviceError
            Where no light arrives.
        """
        power = self.sample_power(total)
        if power > self.sample.limits.laser_power:
            if self.shutter is not None:
                self.shutter.close()
            raise LimitError(
                f"Laser power must be at most {self.sample.limits.laser_power * 1e3:g} mW; the sum signal says "
                f"{power * 1e3:.3g} mW. Close the attenuator."
            )
        if not power > 1e-6:
            raise DeviceError("sum_detector", f"reads {power * 1e3:.3g} mW.", "Open the shutter and align the beam.")
        return power

    def sample_power(self, total: float) -> float:
        """Power on the sample (W) behind a sum signal of `total` (V), for displays: nothing is held against a limit."""
        return total / self.sum_detector.responsivity / self._reflectance

    @cached_property
    def _reflectance(self) -> float:
        return float(reflectance(self.sample.stack(), self.file.laser.wavelength, self.light_side))

    def source(self, path: CurrentPath) -> CurrentSource:
        """Source that drives `path`: both coils have the calibration source."""
        return self.sample_source if path == "sample" else self.calibration_source

    @property
    def recorder(self) -> Recorder | None:
        """The lock-in, where the bench file asks to keep its waveforms; None otherwise."""
        keeps = isinstance(self.file.lock_in, SoftwareLockInTable) and self.file.lock_in.keep_waveforms
        return self.lock_in if keeps and isinstance(self.lock_in, SoftwareLockIn) else None

    def describe(self) -> dict[str, dict[str, Any]]:
        """Identity and settings of every instrument, by role; `DeviceError` where a setting reads as no number."""
        description = {}
        for item in self.instruments:
            settings = {key: list(quantity) for key, quantity in item.settings().items()}
            for key, (value, _) in settings.items():
                if isinstance(value, float) and not math.isfinite(value):
                    raise DeviceError(item.role, f"setting {key} reads {value}.", "Check instrument and cable.")
            description[item.role] = {"identity": item.identity(), "settings": settings}
        return description

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Keep the instruments for the calling thread: `live` leaves them alone meanwhile. A run does so by itself."""
        with self._in_use:
            before, self._occupied = self._occupied, True
            try:
                yield
            finally:
                self._occupied = before

    def live(self) -> dict[str, LiveReading]:
        """Return what every role read last, by role; while the bench is not `occupied`, each is read now.

        For displays: any thread may ask, as often as it likes, and changes no number of a run. A role that cannot be
        read keeps its values and says why in `fault`. The software lock-in needs time, which on a simulated bench
        passes for one thread alone: while no run is on, it is read by the one that opened or ran the bench last.
        """
        faults: dict[str, str] = {}
        if self._in_use.acquire(blocking=False):
            try:
                if not self._occupied and not self._closed:
                    faults = read_now(self.instruments)
            finally:
                self._in_use.release()
        return {item.role: item.latest._replace(fault=faults.get(item.role, "")) for item in self.instruments}

    @property
    def light_side(self) -> Side:
        """Side of the film from which the light comes."""
        return self.file.light_side

    def ask(self, request: str) -> None:
        """Make everything safe, then ask a person: to change the sample, the wiring, or what else hands have to do."""
        unsafe = [f"{report.role}: {step}" for report in self.make_safe() for step in report.failed]
        if unsafe:
            raise DeviceError("bench", f"is not safe to touch ({'; '.join(unsafe)}).", "Switch it off by hand first.")
        self.prompt(request)

    def make_safe(self) -> list[SafeStateReport]:
        """Bring every instrument to its safe state; all are tried, whatever fails."""
        with self.occupied():
            return [item.make_safe() for item in self.instruments]

    def close(self) -> None:
        """Make safe, then let go of every connection; a second call does nothing.

        Raises
        ------
        DeviceError
            Naming every step to the safe state that failed, after all were tried.
        """
        if self._closed:
            return
        with held_interrupts(), self.occupied():
            self._closed = True
            reports = [*self.make_safe(), try_every_step("connections", [("closed", self._resources.close)])]
        failed = [f"{report.role}: {step}" for report in reports for step in report.failed]
        if failed:
            raise DeviceError(
                self.file.name, f"is NOT SAFE ({'; '.join(failed)}).", "Switch off by hand what is named."
            )

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except DeviceError as unsafe:
            if error is None:
                raise
            error.add_note(str(unsafe))


def open_bench(
    bench: str | Path = DEFAULT_BENCH,
    sample: str | Path = DEFAULT_SAMPLE,
    *,
    settings: Mapping[str, Any] | None = None,
    realtime: bool = False,
    prompt: Prompt = nobody,
) -> Bench:
    """Open a bench.

    Parameters
    ----------
    bench, sample
        Names of files in config/benches and config/samples, or paths.
    settings
        Keys that replace those of the files: "bench. ...", "sample. ..." or "twin. ..." (the table simulation.twin).
    realtime
        Let a simulated bench follow the wall clock.
    prompt
        Called with a request to a person, where the bench has no motor or a sample is changed; returns when it is
        done. By default nobody is asked, and a request is an error. A simulated bench has a person of its own.

    Returns
    -------
    Bench
        Use it in a `with` block: leaving it makes every instrument safe.

    Raises
    ------
    InputError
        For files or settings that cannot be right.
    DeviceError
        Where an instrument does not answer; others that do not are notes of the error, and the rest was made safe.
    """
    opened = open_what_answers(read_bench(bench, sample, settings), realtime=realtime, prompt=prompt)
    if not opened.faults:
        return opened
    with opened:
        first, *others = opened.faults.values()
        for text in dict.fromkeys(str(fault) for fault in others):
            if text != str(first):  # roles that share an instrument share its fault
                first.add_note(text)
        raise first


def open_what_answers(files: BenchFiles, *, realtime: bool = False, prompt: Prompt = nobody) -> Bench:
    """Open every instrument of a bench that can be opened; `Bench.faults` says which cannot, and why."""
    return Bench(
        files.bench, files.sample, notes=files.notes, overrides=files.overrides, realtime=realtime, prompt=prompt
    )


class BenchFiles(NamedTuple):
    """A bench file and a sample file with the settings made beside them; `document` is the bench as parsed."""

    bench: BenchFile
    sample: Sample
    document: dict[str, Any]
    notes: dict[str, str]
    overrides: dict[str, Any]
    paths: dict[str, Path]


def read_bench(bench: str | Path, sample: str | Path, settings: Mapping[str, Any] | None = None) -> BenchFiles:
    """Read what `open_bench` opens; `InputError` for files or settings that cannot be right."""
    groups: dict[str, dict[str, Any]] = {"bench": {}, "sample": {}, "twin": {}}
    for key, value in (settings or {}).items():
        group, _, rest = key.partition(".")
        if group not in groups or not rest:
            raise InputError(
                f"--set key must begin with recipe., bench., sample. or twin.; received {key!r}. "
                "Write e.g. twin.seed=2 or sample.film.thickness='30 nm'."
            )
        groups[group][rest] = value

    described, sample_text = read_sample(sample, groups["sample"])
    bench_path = configuration.find("benches", bench)
    bench_text = configuration.read_text(bench_path)
    bench_data = configuration.parse_toml(bench_text, str(bench_path))
    if configuration.parse_toml(without_secrets(bench_text), str(bench_path)).get("simulation", {}).get("twin"):
        raise InputError(
            f"{bench_path}: the twin must stand in a table [simulation.twin] of its own, so that its secrets can be "
            "kept apart from the data; it stands inside another. Write it as a table."
        )
    if any(key.startswith("simulation.twin") for key in groups["bench"]):
        raise InputError("--set bench.simulation.twin... must be written twin. ...; change it.")
    bench_data = configuration.override(bench_data, groups["bench"], str(bench_path))
    if groups["twin"]:
        if "simulation" not in bench_data:
            raise InputError(f"--set twin.* needs a simulated bench; {bench_path} has no [simulation]. Leave it out.")
        twin = bench_data["simulation"].get("twin", {})
        bench_data["simulation"]["twin"] = configuration.override(
            twin, groups["twin"], f"{bench_path} [simulation.twin]"
        )
    return BenchFiles(
        configuration.validate(BenchFile, bench_data, str(bench_path)),
        described,
        bench_data,
        {"bench": without_secrets(bench_text), "sample": sample_text},
        {f"{group}.{key}": value for group in ("bench", "sample") for key, value in groups[group].items()},
        {"bench": bench_path, "sample": configuration.find("samples", sample)},
    )


def without_secrets(text: str) -> str:
    """Bench file text with every `[simulation.twin...]` table cut out, the rest verbatim."""
    return re.sub(r"(?ms)^\[simulation\.twin[.\]].*?(?=^\[(?!simulation\.twin[.\]])|\Z)", "", text)
