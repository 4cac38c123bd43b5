"""Content codings undone: whatever the pieces, whatever the size, and never beyond the cap."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers import coding


def raw(data: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(data) + machine.flush()


CODINGS = {
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:]),
    "deflate": zlib.compress,
    "Deflate": raw,
    "br": brotli.compress,
}


@pytest.mark.parametrize("name", CODINGS)
@settings(deadline=None)
@given(
    text=st.one_of(st.binary(max_size=300), st.integers(1, 900_000).map(lambda size: b"#" * size)),
    size=st.sampled_from([1, 2, 3, 50, 10**6]),
    cap=st.sampled_from([0, 10, 65_536, 98_272, 500_000, 10**6]),
)
def test_any_text_in_any_pieces_to_any_cap(name: str, text: bytes, size: int, cap: int) -> None:
    sent = CODINGS[name](text)  # type: ignore[operator]
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)] if len(sent) < 1_000 else [sent]
    decoder, out = coding.decoder(name, cap), b""
    try:
        for piece in pieces:
            out += decoder.feed(piece)
    except coding.TooLarge as more:
        assert len(text) > cap and out + more.fits == text[:cap]
    else:
        assert (out, decoder.finish()) == (text, True)


@pytest.mark.parametrize("name", ["gzip", "deflate", "Deflate", "br"])
@given(data=st.data())
def test_a_cut_stream_is_not_whole(name: str, data: st.DataObject) -> None:
    sent = CODINGS[name]("红烧肉".encode() * 99)  # type: ignore[operator]
    decoder = coding.decoder(name, 10**6)
    cut = data.draw(st.integers(1, len(sent) - 1))
    decoder.feed(sent[:cut])
    assert not decoder.finish()


@pytest.mark.parametrize("name", ["gzip, br", "gzip,gzip", "br, identity", "zstd", "compress", "x" * 999])
def test_one_coding_and_one_that_we_asked_for(name: str) -> None:
    with pytest.raises(coding.Broken, match="content coding"):
        coding.decoder(name, 100)


def test_empty_members_have_an_end() -> None:
    with pytest.raises(coding.Broken, match="members"):
        coding.decoder("gzip", 100).feed(gzip.compress(b"") * 2_000)
