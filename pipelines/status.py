"""crawl --status: how far a crawl has come, as a table for people or as JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crawlers.status import Host, Status, status
from pipelines import files
from pipelines.progress import printable, summary
from schemas.errors import BadInput


def show(corpus: str, *, as_json: bool) -> None:
    """Print the status of a corpus's crawl. Raises BadInput where there is none."""
    if files.is_remote(corpus):
        raise BadInput(f"--status {corpus}: the state of a crawl is on the disk of the machine that crawls; ask there")
    found = status(Path(corpus))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    for line in lines(found):
        print(line)
    if found.slowest:
        Console(soft_wrap=True, highlight=False).print(_table(found.slowest))


def lines(found: Status) -> list[str]:
    """What a status says in words."""
    waiting = sum(found.waiting.values())
    said = [f"round {found.round}, {'finished' if found.finished else 'not finished'}"]
    said.append(f"ended: {summary(found.ended) or 'nothing'}")
    if found.traps:
        said.append(f"traps: {found.traps} links")
    if waiting:
        said.append(f"waiting: {waiting} ({summary(found.waiting)}) at {found.hosts} hosts")
    if not found.finished and found.answers_per_second:
        rate = f"{found.answers_per_second:.1f} answers/s, {found.bytes_per_second / 2**20:.2f} MiB/s"
        said.append(f"rate at the last checkpoint: {rate}")
    return said


def _table(hosts: list[Host]) -> Table:
    table = Table(box=box.SIMPLE, title="hosts that hold up the end", title_justify="left")
    for name in ("host", "address"):
        table.add_column(name, overflow="fold")
    for name in ("waiting", "answers", "MiB", "last s", "pause s", "left h"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for host in hosts:
        note = f"left alone: {host.left}" if host.left else f"{host.strikes} failures in a row" if host.strikes else ""
        cells = (host.host, host.address, f"{host.waiting}", f"{host.answers}", f"{host.bytes / 2**20:.1f}")
        numbers = (f"{host.seconds:.2f}", f"{host.wait:.1f}", f"{host.eta / 3600:.2f}", note)
        table.add_row(*(Text(printable(cell)) for cell in (*cells, *numbers)))
    return table
