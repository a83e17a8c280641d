"""Stage 6, transport, measured: coturn as STUN and TURN server, with a certificate of its own, logins by secret."""

import datetime
import ipaddress
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.network.link import LinkUnavailable
from signaling.credentials import turn_login
from signaling.programs.turn_login import turn_url

__all__ = ["PORT", "TLS_PORT", "Coturn", "coturn_version"]

PORT, TLS_PORT = 3478, 5349
_SECRET = "of the laboratory"
_DAY_S = 86_400
_START_S = 10.0


def coturn_version() -> str:
    """What it says of itself; raises LinkUnavailable where it is not installed."""
    program = shutil.which("turnserver")
    if program is None:
        raise LinkUnavailable("no turnserver: Debian's package is coturn")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return next((line.strip() for line in done.stdout.splitlines() if line[:1].isdigit()), "unknown")


class Coturn:
    """The server on one host. Leaving the block ends it."""

    def __init__(self, folder: Path, address: str, *, prefix: Sequence[str]) -> None:
        self._folder, self._address, self._prefix = folder, address, prefix
        self.certificate = folder / "turn.pem"

    def __enter__(self) -> Self:
        key = self._folder / "turn.key"
        _certify(self.certificate, key, address=self._address)
        self._log = self._folder / "turn.log"
        command = [
            *self._prefix, "turnserver", "-n", "--no-cli", "--use-auth-secret", f"--static-auth-secret={_SECRET}",
            "--realm=laboratory", f"--listening-ip={self._address}", f"--relay-ip={self._address}",
            f"--listening-port={PORT}", f"--tls-listening-port={TLS_PORT}", f"--cert={self.certificate}",
            f"--pkey={key}", "--log-file=stdout", "--simple-log",
            f"--pidfile={self._folder / 'turn.pid'}", f"--userdb={self._folder / 'turn.db'}",
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        give_up_s = time.monotonic() + _START_S
        while "SQLite DB connection success" not in self._log.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > give_up_s:
                self._end()
                raise LinkUnavailable(f"turnserver does not start: {self._log.read_text(errors='replace')[-200:]}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait()

    def url(self, transport: str, *, host: str, old: bool) -> str:
        """What --turn takes; `old`: with a login that was good until yesterday."""
        until_s = round(time.time()) + (-_DAY_S if old else _DAY_S)
        port = TLS_PORT if transport == "tls" else PORT
        login = turn_login(_SECRET, user="laboratory", until_s=until_s)
        return turn_url(f"{host}:{port}", transport=transport, login=login)


def _certify(certificate: Path, key_file: Path, *, address: str) -> None:
    """A certificate for the address, that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "laboratory")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key_file.write_bytes(private)
