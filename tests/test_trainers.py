"""The trainers' own part: what they read of a release, and what they say when something is not there."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from trainers import clip


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for tier, sizes in {"weak": {"00000.tar": 7, "00001.tar": 5}, "strong": {"00000.tar": 3}}.items():
        (tmp_path / tier).mkdir()
        (tmp_path / tier / "sizes.json").write_text(json.dumps(sizes))
    (tmp_path / "manifest.json").write_text("{}")
    return tmp_path


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        clip.parse(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_tiers_are_read_from_sizes_json(release: Path) -> None:
    assert clip.read_tier(release, "weak") == clip.Tier(release / "weak", shards=2, pairs=12)
    assert clip.read_tier(release, "weak").pattern == f"{release}/weak/{{00000..00001}}.tar"
    assert clip.read_tier(release, "base") == clip.Tier(release / "base", shards=0, pairs=0)


def test_the_command_names_the_shards_of_the_chosen_tiers(release: Path, tmp_path: Path) -> None:
    arguments = [str(release), "--steps", "30", "--logs", str(tmp_path / "logs"), "--", "--seed", "7"]
    options = clip.parse(arguments)
    words = clip.command(options.tiers, options, "cpu")
    told = dict(zip(words[3::2], words[4::2], strict=False))
    both = f"{release}/weak/{{00000..00001}}.tar::{release}/strong/{{00000..00000}}.tar"
    assert (told["--train-data"], told["--train-num-samples"], told["--precision"]) == (both, "960", "fp32")
    assert words[-3:] == ["--dataset-resampled", "--seed", "7"]
    strong = clip.parse([*arguments[:1], "--tier", "strong"])
    assert f"{release}/strong/{{00000..00000}}.tar" in clip.command(strong.tiers, strong, "cuda")


def test_a_used_name_gets_a_number(tmp_path: Path) -> None:
    assert clip.free_name(tmp_path, "clip-demo") == "clip-demo"
    (tmp_path / "clip-demo").mkdir()
    (tmp_path / "clip-demo-2").mkdir()
    assert clip.free_name(tmp_path, "clip-demo") == "clip-demo-3"


def test_what_is_no_release_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no manifest.json" in complaint(capsys, str(tmp_path))


@pytest.mark.parametrize("sizes", ["", "[", '{"00001.tar": 3}', '{"weak.tar": 3}'])
def test_a_broken_sizes_json_is_said(sizes: str, release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (release / "weak" / "sizes.json").write_text(sizes)
    said = complaint(capsys, str(release))
    assert "weak/sizes.json" in said
    assert "tuwen verify" in said


def test_an_empty_tier_is_said(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no pair in base" in complaint(capsys, str(release), "--tier", "base")


def test_steps_must_be_positive(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--steps" in complaint(capsys, str(release), "--steps", "0")


def test_a_missing_extra_is_said(
    release: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert clip.main([str(release)]) == 2
    assert "make install-all" in capsys.readouterr().err
