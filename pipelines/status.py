"""crawl --status: how far a crawl has come, as lines for people or as JSON."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from crawlers.status import Host, Status, status
from pipelines import files, slice_records
from pipelines.corpus import Corpus
from pipelines.progress import printable, summary
from pipelines.waiting import line as waiting_for


def show(corpus: str, *, as_json: bool, hosts: bool = False) -> None:
    """Print the status of a corpus's crawl, or which host is where. Raises BadInput where there is none."""
    if hosts:
        _show_hosts(corpus, as_json=as_json)
        return
    found = slice_records.status_of(Corpus(corpus)) if files.is_remote(corpus) else status(Path(corpus))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        print("\n".join(lines(found, time.time())))


def _show_hosts(corpus: str, *, as_json: bool) -> None:
    """Print a line for each host that the crawl has met: whose it is, at which address, and how many URLs wait."""
    found = slice_records.places(Corpus(corpus))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    print("part  waiting  host")
    for one in found:
        at = f" at {one.address}" if one.address else ""
        print(f"p{one.partition:02} {one.waiting:9}  {printable(one.host)}{at}")


def lines(found: Status, now: float) -> list[str]:
    """What a status says in words, and a table of the hosts that hold up the end."""
    waiting = sum(found.waiting.values())
    said = [f"round {found.round}, {'finished' if found.finished else 'not finished'}"]
    if found.partitions > 1:
        said[0] += f", {found.partitions} partitions, {found.letters} letters between them"
    said.append(f"ended: {summary(found.ended) or 'nothing'}")
    if found.traps:
        said.append(f"traps: {found.traps} links")
    if waiting:
        said.append(f"waiting: {waiting} ({summary(found.waiting)}) at {found.hosts} hosts")
    if not found.finished and found.answers_per_second:
        rate = f"{found.answers_per_second:.1f} answers/s, {found.bytes_per_second / 2**20:.2f} MiB/s"
        said.append(f"rate at the last checkpoint: {rate}")
    if found.partitions > 1:
        said += ["", "partition    hosts  waiting    ended"]
        said += [f"{name:9} {one.hosts:8} {one.waiting:8} {one.ended:8}" for name, one in found.parts.items()]
    if not found.finished:
        said += [printable(waiting_for(wait, now)) for wait in found.late]
    if found.slowest:
        said += ["", "hosts that hold up the end:", " waiting      MiB   last s  pause s   left h  part  host"]
        said += map(_row, found.slowest)
    return said


def _row(host: Host) -> str:
    """One host: its queue, what came of it, its last answer and pause in seconds, and the hours that are left."""
    numbers = f"{host.waiting:8} {host.bytes / 2**20:8.1f} {host.seconds:8.2f} {host.wait:8.1f} {host.eta / 3600:8.2f}"
    at = f" at {host.address}" if host.address else ""
    note = f", {host.strikes} failures in a row" if host.strikes else ""
    if host.left:
        note = f", left alone in this round: {host.left}"
    return f"{numbers}  p{host.partition:02}   {printable(host.host)}{at}{note}"
