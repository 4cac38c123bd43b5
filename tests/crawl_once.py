"""One crawl in a process of its own, that a test may kill: settings and sites come as JSON on the command line."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from web import loopback

from crawlers.crawl import crawl
from schemas.errors import TuwenError
from schemas.seeds import Site

if __name__ == "__main__":
    sites, corpus, changes, *limit = sys.argv[1:]
    if limit:  # the largest file that the disk takes
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit[0]), int(limit[0])))
    try:
        print(
            json.dumps(
                crawl([Site(**site) for site in json.loads(sites)], Path(corpus), loopback(**json.loads(changes)))
            )
        )
    except TuwenError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
