"""A web of many small hosts on loopback, each with pictures of its own: what the fetch benchmark fetches from.

Run as a program it serves until its standard input ends, and first prints one line of JSON: the URLs of its hosts.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import socketserver
import ssl
import sys
import threading
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from PIL import Image

_ROBOTS = b"User-agent: *\nAllow: /\n"


def photo(size: int) -> bytes:
    """A JPEG of 1,024 x 768 pixels and about `size` bytes, the same on every machine with this Pillow."""
    noise = Image.frombytes("RGB", (256, 192), random.Random(0).randbytes(256 * 192 * 3))
    image = noise.resize((1024, 768), Image.Resampling.BICUBIC)
    data = b""
    for quality in range(10, 96):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        if len(data) >= size:
            break
    return data


def numbered(picture: bytes, name: str) -> bytes:
    """The same pixels in other bytes: the name stands in a comment, so that no two pictures share a digest."""
    comment = name.encode()
    return picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1, in one file which also serves as the authority to trust."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "loopback.pem"
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


def _answer(picture: bytes, path: str) -> tuple[bytes, bytes, bytes]:
    """Status, type and body: rules, pictures, and none of the other files that a crawler asks an origin for."""
    if path == "/robots.txt":
        return b"200 OK", b"text/plain", _ROBOTS
    if path.endswith(".jpg"):
        return b"200 OK", b"image/jpeg", numbered(picture, path)
    return b"404 Not Found", b"text/plain", b"not here"


def _handler(picture: bytes, context: ssl.SSLContext | None) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def setup(self) -> None:
            if context is not None:
                self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            try:
                while line := self.rfile.readline():
                    path = line.split(b" ")[1].decode()
                    asked = b"".join(iter(self.rfile.readline, b"\r\n"))
                    status, kind, body = _answer(picture, path)
                    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
                    self.request.sendall(head % (status, kind, len(body)) + body)
                    if b"connection: close" in asked.lower():
                        return
            except OSError:
                return  # the client hung up, as it may

    return Handler


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, required=True)
    parser.add_argument("--bytes", type=int, required=True)
    parser.add_argument("--certificate", type=Path)
    options = parser.parse_args()
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
    handler = _handler(photo(options.bytes), context)
    servers = [_Server(("127.0.0.1", 0), handler) for _ in range(options.hosts)]
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()
    scheme = "https" if context else "http"
    print(json.dumps([f"{scheme}://127.0.0.1:{server.server_address[1]}" for server in servers]), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _main()
