"""Certificates that a test makes for itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sandbox.process import require

__all__ = ["certificate"]


def certificate(directory: Path, name: str, san: str = "IP:127.0.0.1") -> dict[str, str]:
    """Make a key and a certificate for ``san``; return the `tls` section that names them."""
    directory.mkdir(exist_ok=True)
    files = {"cert": str(directory / "cert.pem"), "key": str(directory / "key.pem")}
    subprocess.run(
        [
            *(require("openssl", "openssl"), "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName={san}"),
            *("-keyout", files["key"], "-out", files["cert"]),
        ],
        check=True,
        capture_output=True,
    )
    return files
