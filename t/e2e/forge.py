"""Tokens as an attacker makes them: any header and payload, any MAC."""

import base64
import hashlib
import hmac
import json
import time

DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384,
           "HS512": hashlib.sha512}


def encode(data):
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes):
    """Claims of a good read token; None takes one away."""
    now = int(time.time())
    good = {"iss": "osapi", "sub": "mallory", "role": "read", "iat": now,
            "exp": now + 600, **changes}
    return {k: v for k, v in good.items() if v is not None}


def token(key, header=None, payload=None, digest="HS256", mac=None):
    """A token; header and payload are dicts or texts, `mac` replaces it."""
    parts = []
    for part in (header or {"alg": "HS256", "typ": "JWT"},
                 claims() if payload is None else payload):
        text = part if isinstance(part, str) else json.dumps(part)
        parts.append(encode(text.encode()))
    signed = ".".join(parts)
    if mac is None:
        mac = encode(hmac.new(key.encode(), signed.encode(),
                              DIGESTS[digest]).digest())
    return f"{signed}.{mac}"
