"""Certificates made for a test: authorities, servers, clients, good ones and bad ones."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def _build(subject, issuer, key, signing_key, names, start, end, authority):
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now + start).not_valid_after(now + end)
               .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
                              critical=False))
    if not authority:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]),
                                        critical=False)
    return builder.sign(signing_key, hashes.SHA256())


class Pair:
    """A certificate and its key, in files."""

    def __init__(self, folder, name, certificate, key):
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}-key.pem"
        self.certificate.write_bytes(_pem(certificate))
        self.key.touch(mode=0o600)
        self.key.write_bytes(_key_pem(key))

    def replace(self, other):
        """Puts another pair in its place, each file at once."""
        for mine, theirs in ((self.key, other.key), (self.certificate, other.certificate)):
            copy = mine.with_suffix(".new")
            copy.touch(mode=0o600)
            copy.write_bytes(theirs.read_bytes())
            copy.rename(mine)

    def as_client(self):
        return ("--cert", str(self.certificate), "--key", str(self.key))

    def as_server(self):
        return ("--tls-cert", str(self.certificate), "--tls-key", str(self.key))


class Authority:
    """Signs certificates; its own is in a file."""

    def __init__(self, folder, name):
        self.folder = folder
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(_pem(_build(name, name, self.key, self.key, (), -DAY, 30 * DAY, True)))

    def sign(self, name, names=("localhost", "127.0.0.1"), start=-DAY, end=30 * DAY):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _build(name, self.name, key, self.key, names, start, end, False)
        return Pair(self.folder, f"{self.name}-{name}", certificate, key)


def self_signed(folder, name, names=("localhost", "127.0.0.1")):
    key = ec.generate_private_key(ec.SECP256R1())
    return Pair(folder, name, _build(name, name, key, key, names, -DAY, 30 * DAY, False), key)
