"""Raw crawls made by hand: pictures with shapes of their own, in WARC-like files, with a log and what was found."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from pipelines.corpus import Corpus
from schemas.tables import FOUND, LOG

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


def photo(seed: int, width: int = 400, height: int = 300, quality: int = 90) -> bytes:
    """A JPEG with shapes of its own, so that two seeds have far perceptual hashes."""
    image = Image.new("RGB", (400, 300), (seed * 37 % 256, seed * 91 % 256, seed * 13 % 256))
    draw = ImageDraw.Draw(image)
    for part in range(12):
        digest = hashlib.sha256(f"{seed}.{part}".encode()).digest()
        left, top = digest[0] * 400 // 256, digest[1] * 300 // 256
        box = (left, top, left + 20 + digest[2] // 2, top + 20 + digest[3] // 2)
        draw.rectangle(box, fill=tuple(digest[4:7]))
    buffer = io.BytesIO()
    image.resize((width, height), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


class RawCrawl:
    """What a crawl leaves, written by hand: two WARC-like files, a log and what was found."""

    def __init__(self, root: Path) -> None:
        self.root, self.found, self.log = root, [], []
        self.warcs: list[bytearray] = [bytearray(b"WARC\n"), bytearray(b"WARC\n")]

    def fetch(self, url: str, data: bytes | None, outcome: str = "ok", warc: int = 0, round_: int = 0) -> None:
        row = dict.fromkeys(LOG.names, "") | {"url": url, "final_url": url, "kind": "image", "outcome": outcome}
        row |= {"status": 200, "attempts": 1, "started": NOW, "seconds": 0.1, "bytes": len(data or b"")}
        row |= {"redirects": [], "licences": [], "offset": -1, "length": 0, "body_offset": -1, "round": round_}
        if data is not None:
            row |= {"sha256": hashlib.sha256(data).hexdigest(), "warc": f"images/r0000-p00-{warc:05d}.warc"}
            row |= {"body_offset": len(self.warcs[warc])}
            self.warcs[warc] += data
        self.log.append(row)

    def see(self, url: str, text: str, source: str = "alt", page: str = "http://a.example/1", **more: object) -> None:
        row = {"image_url": url, "text": text, "source": source, "page_url": page, "site": "http://a.example"}
        row |= {"strong": False, "class": "", "impressions": 0, "clicks": 0, "licences": [], "others": []}
        self.found.append(row | more)

    def write(self) -> Corpus:
        for folder in ("images", "log", "found"):
            (self.root / "crawl" / folder).mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(self.warcs):
            (self.root / f"crawl/images/r0000-p00-{number:05d}.warc").write_bytes(data)
        pq.write_table(pa.Table.from_pylist(self.log, LOG), self.root / "crawl/log/r0000-p00-00000.parquet")
        half = len(self.found) // 2
        for number, rows in enumerate((self.found[:half], self.found[half:])):
            table = pa.Table.from_pylist(rows, FOUND)
            pq.write_table(table, self.root / f"crawl/found/r0000-p00-{number:05d}.parquet")
        return Corpus(str(self.root))


def small_crawl(root: Path, begun: RawCrawl | None = None) -> Corpus:
    """Twelve photographs of which two are copies, one is resized, one is broken and one never came; after `begun`."""
    crawl = begun or RawCrawl(root)
    for seed in range(12):
        url = f"http://i.example/{seed}.jpg"
        crawl.fetch(url, photo(seed), warc=seed % 2)
        crawl.see(url, f"第{seed}道菜 水煮牛肉", class_="")
        crawl.see(url, "查看原图", "title")
        crawl.found[-1]["strong"] = crawl.found[-2]["strong"] = seed % 3 == 0
        crawl.found[-2]["class"] = ("荤菜", "素菜", "")[seed % 3]
    crawl.fetch("http://i.example/copy.jpg", photo(3), warc=1)
    crawl.see("http://i.example/copy.jpg", "红烧肉")
    crawl.fetch("http://i.example/small.jpg", photo(4, 240, 180, 80))
    crawl.see("http://i.example/small.jpg", "宫保鸡丁")
    crawl.fetch("http://i.example/broken.jpg", photo(99)[:900])
    crawl.see("http://i.example/broken.jpg", "清蒸鱼")
    crawl.fetch("http://i.example/gone.jpg", None, "http_error")
    crawl.see("http://i.example/gone.jpg", "鸭子")
    for row in crawl.found:
        row.pop("class_", None)
    return crawl.write()
