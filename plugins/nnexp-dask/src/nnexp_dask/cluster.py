"""The connection to a running scheduler, or a cluster of this machine's own; and whether its workers fit the head."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnexp.errors import NnexpError, first_line, listed
from nnexp.remote.facts import HOURS_OFF, Facts, differences, facts
from nnexp.terminal.console import note
from nnexp_dask.settings import Settings

if TYPE_CHECKING:
    from distributed import Client, LocalCluster, Security

CONNECT_SECONDS = 5.0
"""How long a scheduler may take to answer."""
ADAPTING = 3.0
"""What the first worker is kept busy for: an adaptive cluster has workers only as long as there is something to do."""
LAST_SECONDS = 0.3
"""What taking leave of the cluster may take."""
LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "bokeh")
LOOKS = {
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.work-stealing": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}
"""How seldom a cluster in this process looks at itself; by default that takes a twentieth of a core."""
SILENT = 60
"""A level of logging above all that there are."""
UNSAID = ("Creating scratch directories is taking", "Sending large graph")
"""How warnings of Dask's begin on a busy machine, and where a checkpoint is large, of which nobody has to do anything."""
OWN = ("nnexp-dask", "dask", "distributed", "cloudpickle")
"""Distributions that head and workers need in the same versions, for the sake of this one."""


class Connection:
    """To the cluster of one launch. It is made in a thread, since that takes half a second that others can use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._cluster: LocalCluster | None = None
        self._client: Client | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._connect, name="connecting", daemon=True)
        self._thread.start()

    @property
    def client(self) -> Client:
        """Dask's client. Raises NnexpError where there is no scheduler, or one that is not to be talked to."""
        # Dask's own limit is for a connection to be made, which a scheduler that hangs does not keep from being made.
        self._thread.join(CONNECT_SECONDS + self.settings.patience if self.settings.address else None)
        if self._error:
            raise self._error
        if self._client is None:
            raise no_scheduler(self.where, TimeoutError("it does not say anything"))
        return self._client

    @property
    def where(self) -> str:
        """The scheduler, for messages."""
        return self.settings.address or "this machine"

    def _connect(self) -> None:
        try:
            self._client = self._connected()
        except NnexpError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 (whatever Dask raises: told by whoever asks for the client)
            self._error = no_scheduler(self.where, error)

    def _connected(self) -> Client:
        import dask

        dask.config.set({"logging": dict.fromkeys(LOGGERS, SILENT)})  # what is to be said nnexp says
        from distributed import Client, LocalCluster
        from distributed.versions import VersionMismatchWarning

        warnings.simplefilter("ignore", VersionMismatchWarning)
        for words in UNSAID:
            warnings.filterwarnings("ignore", words)
        settings = self.settings
        if settings.address is None:
            from hydra_plugins.nnexp_launcher._pool import cores

            dask.config.set(LOOKS)
            # Its one worker is in this process: the jobs' own processes are what there is of them.
            self._cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=settings.workers or cores(),
                processes=False,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
            )
            return Client(self._cluster, set_as_default=False)
        return Client(
            settings.address,
            security=security(settings),
            timeout=CONNECT_SECONDS,
            set_as_default=False,
            name="nnexp",
        )

    def close(self) -> None:
        """Take leave. What does not answer is left alone."""
        self._thread.join(LAST_SECONDS)
        work = threading.Thread(target=self._close, daemon=True)
        work.start()
        work.join(LAST_SECONDS)

    def _close(self) -> None:
        with contextlib.suppress(Exception):
            if self._client:
                self._client.close(timeout=LAST_SECONDS)
            if self._cluster:
                self._cluster.close(timeout=LAST_SECONDS)


def security(settings: Settings) -> Security | None:
    """What a connection is encrypted with; None where Dask's own configuration says so, or nothing is."""
    from distributed import Security

    if not settings.certificate:
        return None
    path = str(Path(settings.certificate).expanduser().absolute())
    try:
        ssl.create_default_context(cafile=path).load_cert_chain(path)
    except (ssl.SSLError, OSError) as error:
        raise NnexpError(
            f"hydra.launcher.certificate={settings.certificate} is no PEM file with a certificate and its key "
            f"({first_line(error)})."
        ) from None
    return Security(tls_ca_file=path, tls_client_cert=path, require_encryption=True)


def no_scheduler(address: str, error: Exception) -> NnexpError:
    """The message where nothing answers that is a scheduler, or its certificate does not fit."""
    chain: list[BaseException] = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    said = next((first_line(each) for each in reversed(chain) if str(each)), type(error).__name__)
    if any("WRONG_VERSION_NUMBER" in str(each) for each in chain):  # OpenSSL's word for bytes that are not TLS
        return NnexpError(
            f"The scheduler at {address} is not encrypted. On this machine type {address.replace('tls', 'tcp', 1)}; elsewhere "
            "start it with a certificate."
        )
    if any(isinstance(each, ssl.SSLError) or "ssl" in str(each).lower() for each in chain):
        return NnexpError(
            f"The scheduler at {address} and this command have no certificate in common ({said}). Type "
            "hydra.launcher.certificate=FILE with the PEM file that the scheduler was started with."
        )
    if isinstance(error, TypeError) and address.startswith("tls"):  # so Dask says that it has no certificate
        return NnexpError(
            f"hydra.launcher.address={address} takes the cluster's certificate: type hydra.launcher.certificate=FILE with the "
            "PEM file that the scheduler was started with."
        )
    if "://" in address and not isinstance(error, OSError):  # its first bytes cannot be read as a message of Dask's
        return NnexpError(
            f"What answers at {address} is no Dask scheduler, or one of a version that speaks another language. Type the "
            "address that dask scheduler has printed when it began."
        )
    if address.startswith("tls"):
        said += "; a scheduler that is not encrypted answers nothing here, either"
    elif "reset" in said:
        said += f"; one that is encrypted is typed {address.replace('tcp', 'tls', 1)}"
    return NnexpError(
        f"No Dask scheduler answers at {address} ({said}). Start one (dask scheduler --host HOST --port PORT), or leave "
        "hydra.launcher.address out for workers on this machine."
    )


def wait_for_workers(client: Client, settings: Settings) -> dict[str, int]:
    """Wait until the scheduler has a worker, and say what starts one; how many jobs each carries out at the same time."""
    wanted = None
    while not (found := answered(client, settings.patience, client.nthreads)) or not found[0]:
        if not found or client.status != "running":
            raise gone(settings.address or "this machine")
        if wanted is None:
            wanted = client.submit(
                int, pure=False
            )  # an adaptive cluster has workers as long as there is something to do
            note(
                f"The scheduler at {settings.address} has no workers yet, so the sweep waits for them. {starting(settings)}"
            )
        time.sleep(0.2)
    return {str(address): int(processes) for address, processes in found[0].items()}


def starting(settings: Settings) -> str:
    """What starts a worker, in words."""
    tls = f" --tls-ca-file {settings.certificate} --tls-cert {settings.certificate}" if settings.certificate else ""
    return f"On each host type: dask worker {settings.address}{tls} --nthreads JOBS"


def answered(client: Client, seconds: float, *calls: Callable[[], Any]) -> list[Any]:
    """What calls of Dask's return, all made at once, but for those that take longer or lose their connection.

    They are left to themselves then: a call that is given up would leave half a message.
    """

    async def made() -> list[Any]:
        tasks = [asyncio.ensure_future(call()) for call in calls]
        for task in tasks:
            task.add_done_callback(lambda each: each.cancelled() or each.exception())  # of which nobody is told
        done, _ = await asyncio.wait(tasks, timeout=seconds)
        return [task.result() for task in tasks if task in done and not isinstance(task.exception(), OSError)]

    found: list[Any] = client.sync(made)
    return found


def gone(address: str) -> NnexpError:
    """The message where the scheduler has ended."""
    return NnexpError(
        f"The Dask scheduler at {address} is gone, or cannot be reached any more. Nothing is lost: start it again and "
        "resume the sweep."
    )


def refuse_unfit(client: Client, head: Facts, workers: Collection[str], seconds: float) -> dict[str, Facts]:
    """Refuse a cluster with workers that do not fit; what those are that do. One that gives no answer in time is left out.

    Raises NnexpError, which says what differs.
    """
    calls = [partial(client.run, facts, tuple(head.versions), workers=[each], on_error="return") for each in workers]
    answers: dict[str, Any] = {}
    for each in answered(client, seconds, *calls):
        answers |= each
    silent = set(workers) - set(answers)
    if silent:
        note(f"No answer within {seconds:g} s, and no jobs before there is one: {listed(sorted(silent), most=4)}")
    lines = []
    for address, answer in answers.items():
        lines += [f"{host_of(address, answer)}: {line}" for line in unfit(head, answer)]
    if lines:
        names = dict.fromkeys(lines)
        raise NnexpError(
            "Workers do not fit this machine, and would give other numbers, or none:\n  "
            + "\n  ".join([*names][:10] + ([f"and {len(names) - 10} more"] if len(names) > 10 else []))
            + f"\nInstall there what is here: Python {head.python}, and in it "
            f"pip install {' '.join(f'{name}=={number}' for name, number in needed(head))}"
        )
    off = {each.host for each in answers.values() if abs(each.clock - time.time()) > HOURS_OFF}
    if off:
        note(
            f"The clock of {listed(sorted(off), most=4)} is more than {HOURS_OFF / 60:.0f} minutes off this one's. The "
            "numbers are the same; the times of their metrics are not."
        )
    return answers


def needed(head: Facts) -> Iterator[tuple[str, str]]:
    """The distributions that a worker has to have."""
    return ((name, number) for name, number in head.versions.items() if number != "none")


def host_of(address: str, answer: Any) -> str:
    """A worker in words."""
    return f"{answer.host} ({address})" if isinstance(answer, Facts) else address


def unfit(head: Facts, answer: Any) -> Iterator[str]:
    """What keeps a worker that gave this answer from taking jobs."""
    if isinstance(answer, Facts):
        yield from differences(head, answer)
    elif isinstance(answer, ImportError):
        yield f"{first_line(answer)}: nnexp {version('nnexp')} is not installed there"
    else:
        yield first_line(answer)
