"""Certificates by an authority that exists for one test."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of 127.0.0.1 and localhost, or of a person there.

    Arguments:
        authority: the file with the certificate of whoever signed it.
        fingerprint: SHA-256, in lower-case hexadecimal digits, by which services know a person's certificate.
    """

    authority: Path
    file: Path
    key: Path
    fingerprint: str


def certificate(
    folder: Path, name: str = "server", host: str = HOSTS[0], *, good_for: timedelta = timedelta(days=1)
) -> Certificate:
    """Make a certificate signed by a new authority, which is good for a day.

    Arguments:
        host: a name that it is for besides 127.0.0.1.
        good_for: how long from now on; less than nothing if it has expired.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _signed(f"Authority of {name}", authority_key, f"Authority of {name}", authority_key)
    signed = _signed(name, key, f"Authority of {name}", authority_key, host, good_for)
    made = Certificate(
        folder / f"{name}-authority.pem",
        folder / f"{name}.pem",
        folder / f"{name}.key",
        signed.fingerprint(hashes.SHA256()).hex(),
    )
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.touch(mode=0o600)
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    by: str,
    by_key: ec.EllipticCurvePrivateKey,
    host: str = "",
    good_for: timedelta = timedelta(days=1),
) -> x509.Certificate:
    """Sign a certificate for a host, or without one that of an authority."""
    hosts = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(HOSTS[1]))] if host else []
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + good_for)
        .add_extension(x509.BasicConstraints(ca=not host, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), critical=False)
    )
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return builder.sign(by_key, hashes.SHA256())
