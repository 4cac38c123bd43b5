"""What hostile servers do, each as one answer of the small web; and files that are far larger than they look."""

from __future__ import annotations

import itertools
import socket
import ssl
import struct
import time
import zlib
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from web import Behaviour, Request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
JPEG = b"\xff\xd8\xff\xe0" + b"x" * 5000


def head(kind: str = "image/jpeg") -> bytes:
    """A status line and a type, as yet without an end."""
    return HEAD % kind.encode()


def sends(*parts: bytes, pause: float = 0.0, hold: float = 0.0, reset: bool = False) -> Behaviour:
    """These bytes one after another, then hang up (or reset)."""

    def behave(connection: socket.socket, request: Request) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        time.sleep(hold)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return behave


def forever(first: bytes, piece: bytes, pause: float = 0.0) -> Behaviour:
    """A beginning, and then the same again and again until the other side has had enough."""

    def behave(connection: socket.socket, request: Request) -> None:
        connection.sendall(first)
        for _ in itertools.repeat(None):  # ended by the client, which hangs up
            connection.sendall(piece)
            time.sleep(pause)

    return behave


def pushing(first: bytes, second: bytes, wait: float) -> Behaviour:
    """Answer, and a little later send what nobody asked for; the connection stays."""

    def behave(connection: socket.socket, request: Request) -> None:
        connection.sendall(first)
        time.sleep(wait)
        connection.sendall(second)
        while connection.recv(65_536):
            connection.sendall(second)

    return behave


def png(width: int, height: int, *more: tuple[bytes, bytes]) -> bytes:
    """A black PNG of one bit a pixel, made without holding its pixels; `more` are chunks before these."""
    machine = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    data = b"".join([machine.compress(row) for _ in range(height)]) + machine.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), *more, (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def gif(width: int, height: int, frames: int) -> bytes:
    """A GIF whose every frame is the whole canvas, in a few bytes each."""
    frame = b"\x21\xf9\x04\0\0\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\0"
    start = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return start + frame * frames + b";"


def webp(width: int, height: int) -> bytes:
    """A lossless WebP of one colour: each of its five codes has a single symbol, so a pixel takes no bits at all."""
    bits = [(0x2F, 8), (width - 1, 14), (height - 1, 14), (0, 1), (0, 3), (0, 1), (0, 1), (0, 1)]
    bits += [(1, 1), (0, 1), (0, 1), (0, 1)] * 5
    number = place = 0
    for value, length in bits:
        number |= value << place
        place += length
    data = number.to_bytes((place + 7) // 8 + 1, "little")
    data += b"\0" * (len(data) % 2)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def tiff(width: int, height: int) -> bytes:
    """A TIFF that promises so many grey pixels and holds none."""
    tags = ((256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, height))
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)


def certified(folder: Path, *, days: int, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS with a certificate for `name` that it signed itself and that ends in so many days; and
    the file to trust whom one trusts it by."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}{days}.pem"
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path
