"""What a corpus takes on disk: the bytes of each folder, for one pair in the mean.

    python -m benchmarks.corpus_bytes demo/corpus

Parquet of a few hundred rows has more of headers than that of millions, so these are upper bounds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pyarrow.parquet as pq


def main() -> int:
    """Print one table; 2 where there is no corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder that `tuwen judge` has been through")
    given = parser.parse_args()
    pairs = sum(pq.read_metadata(path).num_rows for path in given.corpus.glob("pairs/*.parquet"))
    if not pairs:
        print(f"{given.corpus}: no pairs here; run: tuwen pair {given.corpus}", file=sys.stderr)
        return 2
    print(f"{pairs} pairs")
    folders = [*given.corpus.glob("crawl/*"), *given.corpus.glob("signals/*"), *given.corpus.glob("ledger/*")]
    for folder in sorted([*folders, given.corpus / "pairs"]):
        if folder.is_dir():
            taken = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            print(f"{folder.relative_to(given.corpus).as_posix():<20}{taken / pairs:>12,.0f} bytes a pair")
    return 0


if __name__ == "__main__":
    sys.exit(main())
