"""What the service proves itself with where no proxy speaks TLS for it."""

from __future__ import annotations

import ssl
from pathlib import Path

from streetveil.errors import ConfigurationError

# What TLS 1.2 may use, by the recommendations of RFC 9325: forward secrecy, authenticated encryption. TLS 1.3 knows
# nothing else.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(certificate: Path, key: Path | None = None, password: str | None = None) -> ssl.SSLContext:
    """A context for TLS 1.2 and 1.3.

    Args:
        certificate: PEM file of the server's certificate and those that lead to its authority.
        key: PEM file of its private key; None where that is in the same file.
        password: of the key, where it is encrypted.

    Raises:
        ConfigurationError: a file cannot be used; nothing of the key is in the message.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    for name, path in (("TLS_CERTIFICATE", certificate), ("TLS_KEY", key)):
        if path is not None and not path.is_file():
            raise ConfigurationError(f"{name} names {path}, which is no file.")
    try:
        # Without an answer of ours OpenSSL would ask for the password on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: password or "")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigurationError(
            "TLS_CERTIFICATE and TLS_KEY cannot be used: they must be files in PEM, the certificate first and then "
            "those that lead to its authority, and the key its own; an encrypted key takes TLS_KEY_PASSWORD."
        ) from error
    return context
