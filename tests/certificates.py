"""Certificates for tests, made by the openssl command."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sandbox.process import require


def certificate(directory: Path, name: str) -> dict[str, str]:
    """Make a key and a certificate for 127.0.0.1; return the `tls` section that names them."""
    directory.mkdir(exist_ok=True)
    files = {"cert": str(directory / "cert.pem"), "key": str(directory / "key.pem")}
    subprocess.run(
        [
            *(require("openssl", "openssl"), "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", files["key"], "-out", files["cert"]),
        ],
        check=True,
        capture_output=True,
    )
    return files
