"""Pictures that carry metadata: small real ones by Pillow, with blocks put in by hand where it cannot write them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cbor2
from PIL import Image, PngImagePlugin, TiffImagePlugin

XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
        "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
        "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
        "cc": "http://creativecommons.org/ns#",
        "dc": "http://purl.org/dc/elements/1.1/",
        "tdm": "http://www.w3.org/ns/tdmrep/",
        "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
    }.items()
)


def packet(properties: str = "", attributes: str = "") -> bytes:
    """An XMP packet with elements and attributes of one rdf:Description."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {NAMESPACES} {attributes}>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>'
        + " " * 80
        + '<?xpacket end="w"?>'
    ).encode()


def mining(value: str) -> bytes:
    """A packet with plus:DataMining as PLUS writes it."""
    return packet(f"<plus:DataMining>http://ns.useplus.org/ldf/vocab/{value}</plus:DataMining>")


def image() -> Image.Image:
    return Image.linear_gradient("L").resize((24, 16)).convert("RGB")


def saved(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image().save(out, kind, **options)
    return out.getvalue()


def segment(marker: int, data: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + (len(data) + 2).to_bytes(2, "big") + data


def jpeg(*segments: bytes) -> bytes:
    """A JPEG with segments behind its start."""
    plain = saved("jpeg")
    return plain[:2] + b"".join(segments) + plain[2:]


def extension(data: bytes, size: int, guid: bytes = b"0123456789ABCDEF0123456789ABCDEF") -> list[bytes]:
    """Segments of an extended packet, in pieces of a size."""
    return [
        segment(0xE1, EXTENSION_HEADER + guid + struct.pack(">II", len(data), at) + data[at : at + size])
        for at in range(0, len(data), size)
    ]


def app11(store: bytes, size: int = 60_000, instance: int = 1) -> list[bytes]:
    """Segments of a JUMBF box, each of which repeats its header."""
    parts = [store[at : at + size] for at in range(8, len(store), size)]
    return [
        segment(0xEB, b"JP" + struct.pack(">HI", instance, number) + store[:8] + part)
        for number, part in enumerate(parts, 1)
    ]


def resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">H", number) + b"\0\0" + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)


def photoshop(*resources: bytes) -> bytes:
    return segment(0xED, b"Photoshop 3.0\0" + b"".join(resources))


def iptc(copyright_: bytes) -> bytes:
    """IPTC-IIM with a caption and a copyright notice."""
    return b"".join(
        b"\x1c" + bytes(number) + len(value).to_bytes(2, "big") + value
        for number, value in (((2, 120), b"caption"), ((2, 116), copyright_))
    )


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def png(*chunks: bytes, last: bool = False) -> bytes:
    """A PNG with chunks behind its header, or before its end."""
    plain = saved("png")
    at = len(plain) - 12 if last else 33
    return plain[:at] + b"".join(chunks) + plain[at:]


def itxt(keyword: bytes, text: bytes, packed: bool = False) -> bytes:
    return chunk(b"iTXt", keyword + (b"\0\1\0\0\0" + zlib.compress(text) if packed else b"\0\0\0\0\0" + text))


def webp(name: bytes, data: bytes) -> bytes:
    """A WebP with a chunk at its end."""
    plain = saved("webp", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")  # of the extended form
    body = plain[8:] + name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif(name: bytes, data: bytes) -> bytes:
    """A GIF with an application extension behind its colours."""
    plain = saved("gif")
    at = 13 + (3 << ((plain[10] & 7) + 1) if plain[10] & 0x80 else 0)
    return b"GIF89a" + plain[6:at] + b"!\xff\x0b" + name + data + plain[at:]


def gif_xmp(data: bytes) -> bytes:
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return gif(b"XMP DataXMP", data + trailer)


def gif_c2pa(data: bytes) -> bytes:
    blocks = [data[at : at + 255] for at in range(0, len(data), 255)]
    return gif(b"C2PA_GIF\1\0\0", b"".join(bytes([len(one)]) + one for one in blocks) + b"\0")


def tiff(tag: int, data: bytes) -> bytes:
    fields = TiffImagePlugin.ImageFileDirectory_v2()
    fields[tag] = data
    fields.tagtype[tag] = 7  # undefined: bytes
    return saved("tiff", tiffinfo=fields)


def exif(comment: bytes = b"", copyright_: bytes = b"", order: str = ">") -> bytes:
    """A TIFF without pixels: a copyright in its first directory, a user comment in that of EXIF."""
    word, folder = struct.pack(order + "I", 8 + 2 + 24 + 4), struct.pack
    values = 8 + 2 + 24 + 4 + 2 + 12 + 4
    return (
        (b"MM\0*" if order == ">" else b"II*\0")
        + folder(order + "IH", 8, 2)
        + folder(order + "HHII", 0x8298, 2, len(copyright_), values)
        + folder(order + "HHI", 0x8769, 4, 1)
        + word
        + folder(order + "IH", 0, 1)
        + folder(order + "HHII", 0x9286, 7, len(comment), values + len(copyright_))
        + bytes(4)
        + copyright_
        + comment
    )


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + name + data


def jumb(label: str, *content: bytes) -> bytes:
    """A JUMBF box with its description."""
    return box(b"jumb", box(b"jumd", bytes(16) + b"\3" + label.encode() + b"\0") + b"".join(content))


def cbor(value: Any) -> bytes:
    return box(b"cbor", cbor2.dumps(value))


def manifest(*assertions: bytes, name: str = "urn:c2pa:1") -> bytes:
    claim = jumb("c2pa.claim.v2", cbor({"alg": "sha256"}))
    signature = jumb("c2pa.signature", box(b"cbor", b"not signed by anybody"))
    return jumb(name, jumb("c2pa.assertions", *assertions), claim, signature)


def store(*manifests: bytes) -> bytes:
    """A manifest store."""
    return jumb("c2pa", *manifests)


def training(entries: dict[str, Any], label: str = "cawg.training-mining") -> bytes:
    """A store with one training and data mining assertion, in CBOR."""
    return store(manifest(jumb(label, cbor({"entries": entries}))))


def c2pa_box(data: bytes) -> bytes:
    """The box of a BMFF file that holds a manifest store."""
    return box(b"uuid", C2PA_UUID + bytes(4) + b"manifest\0" + bytes(8) + data)


def with_xmp(data: bytes) -> dict[str, tuple[str, bytes]]:
    """(type, bytes) of a picture of every kind, and by every way, that carries a packet."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", data.decode("utf-8"), zip=True)
    profile = b"\nxmp\n%8d\n" % len(data) + data.hex().encode() + b"\n"
    return {
        "jpeg by Pillow": ("image/jpeg", saved("jpeg", xmp=data)),
        "jpeg, Photoshop": ("image/jpeg", jpeg(photoshop(resource(0x0404, b""), resource(0x0424, data)))),
        "jpeg, extended": ("image/jpeg", jpeg(segment(0xE1, XMP_HEADER + packet()), *extension(data, 100))),
        "png by Pillow": ("image/png", saved("png", pnginfo=info)),
        "png, plain": ("image/png", png(itxt(b"XML:com.adobe.xmp", data))),
        "png, behind the pixels": ("image/png", png(itxt(b"XML:com.adobe.xmp", data, packed=True), last=True)),
        "png by ImageMagick": (
            "image/png",
            png(chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(profile))),
        ),
        "webp by Pillow": ("image/webp", saved("webp", xmp=data)),
        "webp": ("image/webp", webp(b"XMP ", data)),
        "gif": ("image/gif", gif_xmp(data)),
        "tiff": ("image/tiff", tiff(700, data)),
        "avif by Pillow": ("image/avif", saved("avif", xmp=data)),
        "avif, box": (
            "image/avif",
            saved("avif") + box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + data),
        ),
    }


def with_c2pa(data: bytes) -> dict[str, tuple[str, bytes]]:
    """(type, bytes) of a picture of every kind that carries a manifest store."""
    return {
        "jpeg": ("image/jpeg", jpeg(*app11(data))),
        "jpeg, in parts": ("image/jpeg", jpeg(*app11(data, 50))),
        "png": ("image/png", png(chunk(b"caBX", data))),
        "webp": ("image/webp", webp(b"C2PA", data)),
        "gif": ("image/gif", gif_c2pa(data)),
        "tiff": ("image/tiff", tiff(52545, data)),
        "avif": ("image/avif", saved("avif") + c2pa_box(data)),
    }
