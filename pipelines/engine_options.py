"""What `--engine NAME` means: one small TOML file of Beam's options, so that nobody types ten flags."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import msgspec

from schemas.errors import BadInput

NAMES = ("local", "flink", "dataflow")


class EngineFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One engine: Beam's options by name, and the page where it shows its jobs."""

    beam: dict[str, str | int | float | bool]
    page: str = ""

    @property
    def runner(self) -> str:
        """The name of Beam's runner."""
        return str(self.beam["runner"])

    def words(self, over: Sequence[str] = ()) -> list[str]:
        """The options as they would be typed after `--`, but for those that the words `over` give anew.

        Of what another environment is made is no matter of this one's: without its type its set-up goes too.
        """
        given = {word.partition("=")[0].lstrip("-") for word in over}
        given |= {"environment_config"} if "environment_type" in given else set()
        return [f"--{name}={_filled(value)}" for name, value in self.beam.items() if name not in given]


def load(name_or_path: str) -> EngineFile:
    """Read an engine: a packaged one by name, or a file (its path has a slash or ends in .toml).

    Raises BadInput, which names the file, where it cannot be read, has an unknown field or names no runner.
    """
    try:
        engine = msgspec.toml.decode(_read(name_or_path), type=EngineFile)
    except msgspec.ValidationError as error:
        raise BadInput(f"engine {name_or_path}: {error}") from None
    except msgspec.DecodeError as error:
        raise BadInput(f"engine {name_or_path}: not TOML: {error}") from None
    if not engine.beam.get("runner"):
        raise BadInput(f"engine {name_or_path}: [beam] names no runner; see engines/flink/options.toml")
    return engine


def _read(name_or_path: str) -> str:
    if "/" not in name_or_path and not name_or_path.endswith(".toml"):
        if name_or_path not in NAMES:
            raise BadInput(f"engine {name_or_path!r} is unknown: use one of {', '.join(NAMES)}, or a TOML file")
        return resources.files("engines").joinpath(name_or_path).joinpath("options.toml").read_text("utf-8")
    try:
        return Path(name_or_path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"engine {name_or_path}: cannot be read ({error})") from None


def _filled(value: str | int | float | bool) -> str:
    """The value as a word; {worker} is where the console command `tuwen-worker` lies beside this Python."""
    if not isinstance(value, str):
        return str(value)
    return value.replace("{{", "\0").replace("}}", "\1").replace("{worker}", _worker()).translate({0: "{", 1: "}"})


def _worker() -> str:
    return str(Path(sys.executable).with_name("tuwen-worker"))
