"""A web server with a certificate of its own authority, that answers each path as it is told."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from campaign.deliveries.fetch import Fetcher

HOST = "files.example"

Answer = Callable[[ssl.SSLSocket], None]


@dataclass
class HttpsServer:
    """Listens on 127.0.0.1 and says it is files.example."""

    port: int
    authority: ssl.SSLContext
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The heads of the requests that came."""

    def url(self, path: str) -> str:
        return f"https://{HOST}:{self.port}{path}"

    def gives(self, path: str, body: bytes, *, status: int = 200, **headers: str) -> str:
        """Answer `path` so; its address."""
        lines = [f"HTTP/1.1 {status} Said", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        if "content_length" not in headers:
            lines.append(f"content-length: {len(body)}")
        return self.does(path, lambda client: client.sendall("\r\n".join([*lines, "", ""]).encode() + body))

    def does(self, path: str, answer: Answer) -> str:
        self.answers[path] = answer
        return self.url(path)

    def fetcher(self, *, total_seconds: float = 5.0, read_seconds: float = 5.0) -> Fetcher:
        """One that takes the server for a public one."""
        return Fetcher(
            allow=lambda _address: True,
            resolve=lambda _host, _port: [IPv4Address("127.0.0.1")],
            verify=self.authority,
            total_seconds=total_seconds,
            read_seconds=read_seconds,
        )

    def serve(self, client: ssl.SSLSocket) -> None:
        # Whoever stops reading resets the connection.
        with suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (more := client.recv(4096)):
                    return
                head += more
            self.asked.append(head.decode())
            self.answers[head.split(b" ")[1].decode()](client)


@contextmanager
def https_server(folder: Path) -> Iterator[HttpsServer]:
    certificate, key = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        authority = ssl.create_default_context(cafile=str(certificate))
        server = HttpsServer(listening.getsockname()[1], authority)
        threading.Thread(target=_accept, args=(server, listening, context), daemon=True).start()
        yield server
        # Closing alone does not wake the thread.
        listening.shutdown(socket.SHUT_RDWR)


def _accept(server: HttpsServer, listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_greet, args=(server, plain, context), daemon=True).start()


def _greet(server: HttpsServer, plain: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        server.serve(context.wrap_socket(plain, server_side=True))


def make_certificate(folder: Path, host: str = HOST) -> tuple[Path, Path]:
    """Makes a certificate of its own authority; returns the files of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    names = [x509.DNSName(host), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(secret)
    return folder / "server.pem", folder / "server.key"
