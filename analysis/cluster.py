"""A dask cluster for the parts of an analysis: that of a laboratory, or processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from analysis.errors import AnalysisError, InputError
from analysis.executors import Answer, Crash, Item, Task

if TYPE_CHECKING:
    from distributed import Client

_CONNECTING = 20  # s


class Cluster:
    """Runs tasks on the workers of a dask cluster, which must see the run files under the same paths."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def map(self, task: Task[Item, Answer], items: Sequence[Item]) -> list[Answer | Crash]:
        """Answers of `task` to each of `items`, in their order; an exception of a task is raised here."""
        from distributed import KilledWorker, wait

        futures = self._client.map(partial(_answer, task), items, pure=False)
        wait(futures)
        answers: list[Answer | Crash] = []
        for future in futures:
            try:
                answers.append(future.result())
            except KilledWorker:
                answers.append(Crash(None, "the cluster lost its workers"))
        return answers


def _answer(task: Task[Item, Answer], item: Item) -> Answer:
    return task(item, lambda path: None)


@contextmanager
def cluster(scheduler: str, workers: int | None) -> Iterator[Cluster]:
    """Connect to a scheduler, or start processes of this machine for "local".

    Raises
    ------
    InputError
        Where dask is not installed, or the address is none.
    AnalysisError
        Where no scheduler answers.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError("A cluster must have dask; it is not installed. Install asot[cluster].") from None
    if scheduler == "local":
        with (
            # One death of a worker is told: what killed it would kill the next one as well.
            dask.config.set({"distributed.scheduler.allowed-failures": 0}),
            LocalCluster(
                n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
            ) as local,
            Client(local) as client,
        ):
            yield Cluster(client)
        return
    try:
        client = Client(scheduler, timeout=_CONNECTING)
    except (OSError, TimeoutError) as error:
        raise AnalysisError(
            f"Scheduler {scheduler} must answer; it does not ({' '.join(str(error).split())}). Start it, or check the "
            "address."
        ) from None
    except ValueError as error:
        raise InputError(f"Scheduler must be an address such as tcp://host:8786; {error}. Mend it.") from None
    with client:
        yield Cluster(client)
