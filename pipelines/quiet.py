"""Keeps the libraries' own talk off the user's terminal, unless it is asked for."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import warnings
from collections.abc import Iterator

# Loggers that speak of their own inner life: what matters of it is in the exception that ends a run.
NOISY = ("apache_beam", "google", "grpc", "oauth2client", "urllib3", "botocore", "boto3")
# Beam's readers of a connection, which end with an exception whenever the other end is gone.
READERS = ("beam_control_read", "read_grpc_client_inputs", "forward_grpc_outputs")

LINGER = 1.0  # seconds: a reader ends within milliseconds of its connection; one that does not may speak


def debugging() -> bool:
    """Whether the user asked to see everything: `--debug`, which sets the level, or TUWEN_DEBUG=1."""
    return os.environ.get("TUWEN_DEBUG") == "1" or logging.getLogger().isEnabledFor(logging.DEBUG)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what Beam and its clients log, warn and print of dead threads off the terminal during the block."""
    if debugging():
        yield
        return
    root = logging.getLogger()
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    hook = threading.excepthook

    def unread(args: threading.ExceptHookArgs) -> None:
        if args.thread is None or args.thread.name not in READERS:
            hook(args)

    root.addFilter(_refuse)
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    threading.excepthook = unread
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(apache_beam|google|grpc)(\.|$)")
            yield
    finally:
        _await_readers()
        threading.excepthook = hook
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        root.removeFilter(_refuse)


def _await_readers() -> None:
    """Let the readers of closed connections have their say while nobody hears it."""
    end = time.monotonic() + LINGER
    for thread in threading.enumerate():
        if thread.name in READERS:
            thread.join(max(0.0, end - time.monotonic()))


def _refuse(_: logging.LogRecord) -> bool:
    """Drop what is logged on the root logger itself: Beam does that, our own code has named loggers."""
    return False
