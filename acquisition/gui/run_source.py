"""A run as plots see it, whether it is under way or was read from a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from acquisition.gui.live_run import LiveRun
from acquisition.run_columns import columns_of
from analysis.run_file import Column
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray


class RunSource(ABC):
    """Columns of a run, which may be growing."""

    title: str
    procedure: str
    columns: Sequence[Column]
    parameters: Mapping[str, Any]

    @property
    @abstractmethod
    def attributes(self) -> Mapping[str, Any]:
        """Attributes of the run as `load_run` gives them, as far as they are known."""

    @property
    @abstractmethod
    def plot(self) -> Mapping[str, str]:
        """Columns of the default plot: "signal" against "axis", and its "title"."""

    @abstractmethod
    def __len__(self) -> int:
        """Points so far."""

    @abstractmethod
    def column(self, name: str, start: int = 0, stop: int | None = None) -> FloatArray:
        """Copy of a column (points,) from `start` to `stop`."""

    @abstractmethod
    def dataset(self) -> xarray.Dataset:
        """Everything so far, in the layout of `load_run`; from any thread."""


class LiveSource(RunSource):
    """A run of the window's queue."""

    def __init__(self, run: LiveRun) -> None:
        self.run = run
        self.title, self.procedure = run.title, run.planned.name
        self.parameters = run.planned.procedure.parameters()
        self.columns = columns_of(run.planned.procedure)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes of the run; empty before it begins."""
        return {**self.run.attributes, "status": str(self.run.state)} if self.run.attributes else {}

    @property
    def plot(self) -> Mapping[str, str]:
        """Columns of the default plot."""
        return self.run.planned.procedure.plot

    def __len__(self) -> int:
        return len(self.run.points)

    def column(self, name: str, start: int = 0, stop: int | None = None) -> FloatArray:
        """Copy of a column (points,) from `start` to `stop`."""
        return self.run.points.column(name, start, stop)

    def dataset(self) -> xarray.Dataset:
        """Everything so far."""
        return self.run.dataset()


class StoredSource(RunSource):
    """A run from `load_run`."""

    def __init__(self, run: xarray.Dataset) -> None:
        self._run = run
        self.procedure, self.parameters = run.attrs["procedure"], run.attrs["parameters"]
        self.title = f"{run.attrs['run_id']}: {run.attrs['procedure']}, {run.attrs['sample'].get('name', '')}"
        self.columns = [
            Column(str(name), values.attrs["units"], values.attrs["long_name"], values.attrs["role"])
            for name, values in run.data_vars.items()
        ]

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes of the run."""
        return {str(name): value for name, value in self._run.attrs.items()}

    @property
    def plot(self) -> Mapping[str, str]:
        """Columns of the default plot."""
        plot: Mapping[str, str] = self._run.attrs["plot"]
        return plot

    def __len__(self) -> int:
        return int(self._run.sizes["point"])

    def column(self, name: str, start: int = 0, stop: int | None = None) -> FloatArray:
        """Columns from `start` to `stop`."""
        values: FloatArray = self._run[name].to_numpy()[start:stop]
        return values

    def dataset(self) -> xarray.Dataset:
        """The run."""
        return self._run
