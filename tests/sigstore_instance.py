"""A Sigstore instance of the tests' own: it signs whatever a test needs, without any server.

    instance = SigstoreInstance()
    bundle = instance.sign(b"content", identity="hugo@python.org", issuer="https://issuer.test")
    verify_signature(name, sha256, bundle, signer, verifier=instance.verifier)

It has the parts of a real one: a certificate authority (Fulcio), a log of its certificates, and the
log of signatures (Rekor). So the package sigstore verifies its bundles like real ones.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier

STATEMENT_FORMAT = "application/vnd.in-toto+json"
_SIGSTORE = "1.3.6.1.4.1.57264.1"
_SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_START = datetime(2026, 1, 1, tzinfo=UTC)
_SIGNED_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
_KEY_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def provenance(*files: tuple[str, str], **other: Any) -> dict[str, Any]:
    """Return an in-toto statement with SLSA provenance about `files`, pairs of name and SHA-256."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
        **other,
    }


def dsse_body(envelope: str, verifier: str) -> dict[str, Any]:
    """Return the body of the log's entry for a DSSE envelope, and the certificate of its signer.

    Both are in the forms in which the log gets them: JSON, and base64 of PEM.
    """
    content = json.loads(envelope)
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": _sha256(envelope.encode()),
            "payloadHash": _sha256(base64.b64decode(content["payload"])),
            "signatures": [{"signature": content["signatures"][0]["sig"], "verifier": verifier}],
        },
    }


class SigstoreInstance:
    """A certificate authority and two logs, with keys of their own.

    Certificates begin at `now`, unless the time is changed.
    """

    def __init__(self, now: datetime = _SIGNED_AT) -> None:
        self.now = now
        self._ca_key = _new_key()
        self._ct_key = _new_key()
        self._log_key = _new_key()
        self._ca = self._new_ca()

    def sign(self, content: bytes, identity: str, issuer: str, **options: Any) -> bytes:
        """Return the bundle of a signature of `content`; for `options`, see `_bundle`."""
        key = _new_key()
        cert = self.grant(key.public_key(), identity, issuer, options.pop("repository", ""))
        digest = hashlib.sha256(content).digest()
        signature = key.sign(content, ec.ECDSA(hashes.SHA256()))
        body = {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": digest.hex()}},
                "signature": {"content": _b64(signature), "publicKey": {"content": _pem64(cert)}},
            },
        }
        signed = {
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": _b64(digest)},
                "signature": _b64(signature),
            }
        }
        return self._bundle(cert, body, signed, **options)

    def attest(
        self, statement: dict[str, Any], identity: str, issuer: str, **options: Any
    ) -> bytes:
        """Return the bundle of a signed `statement`; for `options`, see `_bundle`."""
        key = _new_key()
        cert = self.grant(key.public_key(), identity, issuer, options.pop("repository", ""))
        payload = json.dumps(statement).encode()
        # The pre-authentication encoding of DSSE.
        framed = b"DSSEv1 %d %s %d %s" % (
            *(len(STATEMENT_FORMAT), STATEMENT_FORMAT.encode()),
            *(len(payload), payload),
        )
        envelope = {
            "payload": _b64(payload),
            "payloadType": STATEMENT_FORMAT,
            "signatures": [{"sig": _b64(key.sign(framed, ec.ECDSA(hashes.SHA256())))}],
        }
        body = dsse_body(json.dumps(envelope), _pem64(cert))
        return self._bundle(cert, body, {"dsseEnvelope": envelope}, **options)

    def verifier(self) -> Verifier:
        """Return a verifier that trusts this instance, and no other."""
        root = TrustedRoot(_parse_root(self.trusted_root()))
        return Verifier(trusted_root=root)

    def _new_ca(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sigstore of the tests")])
        public = self._ca_key.public_key()
        return (
            _builder(name, name, public, _START, timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_key_usage("key_cert_sign", "crl_sign"), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._ca_key, hashes.SHA256())
        )

    @property
    def authority(self) -> x509.Certificate:
        """The certificate of the certificate authority."""
        return self._ca

    def grant(
        self, key: ec.EllipticCurvePublicKey, identity: str, issuer: str, repository: str
    ) -> x509.Certificate:
        """Return a certificate of ten minutes, with the confirmation that it was logged."""
        is_url = identity.startswith("https:")
        name = x509.UniformResourceIdentifier(identity) if is_url else x509.RFC822Name(identity)
        ca_key = self._ca_key.public_key()
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        builder = (
            _builder(x509.Name([]), self._ca.subject, key, self.now, timedelta(minutes=10))
            .add_extension(_key_usage("digital_signature"), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(_text(1, issuer.encode()), critical=False)
            .add_extension(_text(8, _utf8_string(issuer)), critical=False)
        )
        if repository:
            builder = builder.add_extension(_text(12, _utf8_string(repository)), critical=False)
        unlogged = builder.sign(self._ca_key, hashes.SHA256()).tbs_certificate_bytes
        sct = x509.UnrecognizedExtension(_SCT_LIST, self._sct_list(unlogged))
        return builder.add_extension(sct, critical=False).sign(self._ca_key, hashes.SHA256())

    def _sct_list(self, unlogged: bytes) -> bytes:
        """Return the extension with a signed certificate timestamp (RFC 6962, section 3)."""
        time = int(self.now.timestamp() * 1000)
        issuer = hashlib.sha256(_der(self._ca_key)).digest()
        entry = issuer + len(unlogged).to_bytes(3) + unlogged
        # Version 1, a certificate's timestamp, of a precertificate, without extensions.
        signed = struct.pack("!BBQH", 0, 0, time, 1) + entry + bytes(2)
        signature = self._ct_key.sign(signed, ec.ECDSA(hashes.SHA256()))
        log_id = hashlib.sha256(_der(self._ct_key)).digest()
        # ECDSA (3) with SHA-256 (4)
        sct = b"\0" + log_id + struct.pack("!QHBBH", time, 0, 4, 3, len(signature)) + signature
        items = struct.pack("!H", len(sct)) + sct
        return _tagged(4, struct.pack("!H", len(items)) + items)

    def log(self, body: dict[str, Any], logged_at: datetime | None = None) -> dict[str, Any]:
        """Return the entry of the log for `body`, which was made at `logged_at`."""
        content = _canonical(body)
        log_id = hashlib.sha256(_der(self._log_key)).digest()
        time = int((logged_at or self.now + timedelta(seconds=5)).timestamp())
        promised = {
            "body": _b64(content),
            "integratedTime": time,
            "logID": log_id.hex(),
            "logIndex": 0,
        }
        # The tree of the log has only this entry, so the root is the hash of its leaf.
        root = hashlib.sha256(b"\0" + content).digest()
        note = f"log.test\n1\n{_b64(root)}\n"
        checkpoint = f"{note}\n\u2014 log.test {_b64(log_id[:4] + self._logged(note.encode()))}\n"
        return {
            "logIndex": "0",
            "logId": {"keyId": _b64(log_id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(time),
            "inclusionPromise": {"signedEntryTimestamp": _b64(self._logged(_canonical(promised)))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _b64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": checkpoint},
            },
            "canonicalizedBody": _b64(content),
        }

    def _bundle(
        self,
        cert: x509.Certificate,
        body: dict[str, Any],
        signed: dict[str, Any],
        *,
        logged_at: datetime | None = None,
    ) -> bytes:
        """Return a bundle whose entry in the log was made at `logged_at`."""
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": _b64(cert.public_bytes(Encoding.DER))},
                "tlogEntries": [self.log(body, logged_at)],
            },
            **signed,
        }
        return json.dumps(bundle).encode()

    def _logged(self, data: bytes) -> bytes:
        return self._log_key.sign(data, ec.ECDSA(hashes.SHA256()))

    def trusted_root(self) -> dict[str, Any]:
        """Return the keys of this instance, as in a file trusted_root.json."""
        valid = {"start": "2020-01-01T00:00:00Z"}
        authority = {
            "subject": {"organization": "tests", "commonName": "sigstore of the tests"},
            "uri": "https://ca.test",
            "certChain": {
                "certificates": [{"rawBytes": _b64(self._ca.public_bytes(Encoding.DER))}]
            },
            "validFor": valid,
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log("https://log.test", self._log_key, valid)],
            "certificateAuthorities": [authority],
            "ctlogs": [_log("https://ct.test", self._ct_key, valid)],
            "timestampAuthorities": [],
        }


def _parse_root(root: dict[str, Any]) -> Any:
    from sigstore_models.trustroot.v1 import TrustedRoot as Model

    return Model.from_json(json.dumps(root))


def _log(url: str, key: ec.EllipticCurvePrivateKey, valid: dict[str, str]) -> dict[str, Any]:
    public = {
        "rawBytes": _b64(_der(key)),
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
        "validFor": valid,
    }
    key_id = {"keyId": _b64(hashlib.sha256(_der(key)).digest())}
    return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": key_id}


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    start: datetime,
    duration: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + duration)
    )


def _key_usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in allowed for name in _KEY_USAGES})


def _text(number: int, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(ObjectIdentifier(f"{_SIGSTORE}.{number}"), value)


def _utf8_string(text: str) -> bytes:
    return _tagged(12, text.encode())


def _tagged(tag: int, content: bytes) -> bytes:
    """Return `content` in DER, with the tag and the length before it."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + content


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _pem64(cert: x509.Certificate) -> str:
    return _b64(cert.public_bytes(Encoding.PEM))


def _sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
