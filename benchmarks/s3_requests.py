"""How many requests each verb makes of an object store: over the demo's corpus on versitygw, by its access log.

    make demo && .venv/bin/python -m benchmarks.s3_requests demo/corpus --server .venv/bin/versitygw-1.8.0

The crawl of the corpus is put into a bucket, every verb after it runs there twice, the second time with nothing to do,
and `verify` and `diff` read the release. Requests are counted by the server's access log, retries too; the bytes
that come down, headers with them, on their way through a socket in between.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import socket
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from benchmarks import spent
from engines.versitygw import KEYS, serving
from pipelines import files, s3

KINDS = {
    "GET": ("GetObject",),
    "HEAD": ("HeadObject",),
    "PUT": ("PutObject", "UploadPart", "CompleteMultipartUpload", "CreateMultipartUpload"),
    "LIST": ("ListObjectsV2", "ListObjects"),
}
"""The operations of S3 by what they cost; all others are counted as they are called."""
_LINE = re.compile(r"\] \S+ \S+ \S+ s3_(?P<what>\w+) ")
RELEASE = ("--recipe", "demo", "--version", "1.0.0")


def main() -> int:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a corpus on a disk, of which crawl/ is read")
    parser.add_argument("--server", required=True, help="the versitygw that `make test-s3` builds")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(given.server, Path(folder), Path(folder, "log")) as server,
        Way(server) as way,
    ):
        os.environ |= {**KEYS, s3.ENDPOINT: way.url, "AWS_CONFIG_FILE": "/dev/null"}
        boto3.client("s3").create_bucket(Bucket="corpora")
        root = "s3://corpora/demo"
        for name in files.tree(str(given.corpus / "crawl")):
            with files.whole(f"{root}/crawl/{name}") as file:
                file.write((given.corpus / "crawl" / name).read_bytes())
        log = Log(Path(folder, "log"))
        verbs = (["pair"], ["measure"], ["cluster"], ["judge", *RELEASE[:2]], ["pack", *RELEASE], ["release", *RELEASE])
        lines = [[verb, root, *options, "--workers", str(given.workers)] for verb, *options in verbs]
        made = f"{root}/releases/demo-1.0.0"
        tables = [("first", lines), ("again", lines), ("reads", [["verify", made], ["diff", made, made]])]
        print(f"{'':<7}{'verb':<9}{''.join(f'{kind:>6}' for kind in KINDS)}{'other':>7}{'down, KB':>10}")
        for title, commands in tables:
            for line in commands:
                log.clear()
                way.taken()
                spent.tuwen(line)
                requests, down = log.counted(), way.taken()
                other = sum(requests.values()) - sum(requests[kind] for kind in KINDS)
                row = "".join(f"{requests[kind]:>6}" for kind in KINDS)
                print(f"{title:<7}{line[0]:<9}{row}{other:>7}{down / 1000:>10,.0f}", flush=True)
        whole = sum(size for _, size in s3.below(f"{made}/"))
    print(f"({len(files.listing(str(given.corpus / 'pairs'), '.parquet'))} shard, a release of {whole / 1000:,.0f} KB)")
    return 0


class Way:
    """A way to the server that counts what comes down."""

    def __init__(self, url: str) -> None:
        self._server = (parts := urlsplit(url)).hostname, parts.port
        self._gate = socket.create_server(("127.0.0.1", 0))
        self._down = 0
        self._counting = threading.Lock()
        self.url = f"http://127.0.0.1:{self._gate.getsockname()[1]}"

    def __enter__(self) -> Way:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gate.close()

    def taken(self) -> int:
        """The bytes that came down since this was last asked."""
        with self._counting:
            down, self._down = self._down, 0
        return down

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the gate is closed
            while True:
                theirs, _ = self._gate.accept()
                ours = socket.create_connection(self._server)
                for source, target, counted in ((theirs, ours, False), (ours, theirs, True)):
                    threading.Thread(target=self._carry, args=(source, target, counted), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):  # one of the two ends has hung up
            while data := source.recv(1 << 18):
                target.sendall(data)
                if counted:
                    with self._counting:
                        self._down += len(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


class Log:
    """The server's access log: what came since it was last cleared."""

    def __init__(self, path: Path) -> None:
        self._path, self._from = path, 0

    def clear(self) -> None:
        """Forget what came so far."""
        self._from = self._path.stat().st_size

    def counted(self) -> Counter[str]:
        """Requests by kind."""
        with self._path.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._from)
            found = [match for line in file if (match := _LINE.search(line))]
        kind_of = {operation: kind for kind, operations in KINDS.items() for operation in operations}
        return Counter(kind_of.get(one["what"], one["what"]) for one in found)


if __name__ == "__main__":
    sys.exit(main())
