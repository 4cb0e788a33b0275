"""A real, if very trusting, OpenID Connect provider on this machine: it lets in whoever it is told, without asking."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID, CLIENT_SECRET = "earmark", "a secret between the two"


@dataclass
class Provider:
    """A running provider; ``user`` are the claims of whoever signs in next."""

    url: str
    user: dict[str, Any] = field(default_factory=dict)

    def secrets(self) -> str:
        """What Streamlit's secrets.toml must say for it."""
        return (
            '[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
            f'cookie_secret = "{secrets.token_hex(32)}"\nclient_id = "{CLIENT_ID}"\nclient_secret = "{CLIENT_SECRET}"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n'
        )


@contextmanager
def provider() -> Iterator[Provider]:
    """Start one, and stop it at the end."""
    from joserfc import jwt
    from joserfc.jwk import KeySet, RSAKey

    key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    promised: dict[str, tuple[dict[str, Any], str]] = {}  # code -> the user, and the nonce of who asked

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/.well-known/openid-configuration":
                self.answer({
                    "issuer": running.url, "authorization_endpoint": f"{running.url}/authorize",
                    "token_endpoint": f"{running.url}/token", "jwks_uri": f"{running.url}/keys",
                    "id_token_signing_alg_values_supported": ["RS256"], "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                })  # fmt: skip
            elif parts.path == "/keys":
                self.answer(KeySet([key]).as_dict(private=False))
            elif parts.path == "/authorize":
                code = secrets.token_hex(16)
                promised[code] = (dict(running.user), asked.get("nonce", ""))
                query = urlencode({"code": code, "state": asked["state"]})
                self.send_response(302)
                self.send_header("location", f"{asked['redirect_uri']}?{query}")
                self.end_headers()
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            own = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
            if self.headers.get("authorization") != own or asked["code"][0] not in promised:
                self.send_error(401)
                return
            user, nonce = promised.pop(asked["code"][0])
            now = int(time.time())
            claims = {"iss": running.url, "aud": CLIENT_ID, "iat": now, "exp": now + 600, "nonce": nonce, **user}
            token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
            self.answer({"access_token": secrets.token_hex(16), "token_type": "Bearer", "id_token": token})

        def answer(self, value: Mapping[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """It keeps quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
