"""Further nginx in front of a stack's responders, each with own settings."""

import datetime
import ipaddress
import json
import os
import pathlib
import socket
import ssl
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stack import LIMIT, Client, StackError, free_port, listens, wait_until

KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def certificate(directory):
    """Paths of a certificate for 127.0.0.1 and localhost and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    signed = x509.CertificateBuilder().subject_name(name).issuer_name(name) \
        .public_key(key.public_key()) \
        .serial_number(x509.random_serial_number()) \
        .not_valid_before(now - datetime.timedelta(days=1)) \
        .not_valid_after(now + datetime.timedelta(days=2)) \
        .add_extension(x509.SubjectAlternativeName([
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False).sign(key, hashes.SHA256())
    paths = pathlib.Path(directory) / "tls.pem", \
        pathlib.Path(directory) / "tls.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return paths


def tls(paths):
    """The settings that turn TLS on."""
    return {"OSAPI_API_SERVER_TLS_CERTIFICATE": str(paths[0]),
            "OSAPI_API_SERVER_TLS_KEY": str(paths[1])}


def complete(directory, body):
    """What an nginx of its own needs around an http context."""
    directory = pathlib.Path(directory)
    temporary = "\n".join(f"{kind}_temp_path {directory}/{kind};"
                          for kind in KINDS)
    user = "user root;" if os.geteuid() == 0 else ""
    path = directory / "nginx.conf"
    path.write_text(
        f"{user}\ndaemon off;\nworker_processes 1;\n"
        f"pid {directory}/nginx.pid;\nerror_log stderr warn;\n"
        "events { worker_connections 2048; }\n"
        f"http {{\n{temporary}\n{body}\n}}\n")
    return path


def check(path):
    """`nginx -t`; what it says, which is nothing where all is well."""
    done = subprocess.run(
        ["nginx", "-t", "-q", "-e", "stderr", "-c", str(path), "-p",
         str(path.parent)], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{path.read_text()}"
    return done.stdout + done.stderr


class Site:
    """One nginx; `settings` are environment variables of osapi."""

    def __init__(self, stack, name, settings=None, changes=(), around=None):
        """changes: pairs of texts, replaced in what is rendered (a limit that
        is too large to be reached in a test).  around: makes the http context
        of the rendered http and server parts, for a site that is there."""
        self.stack = stack
        self.directory = stack.directory / name
        self.directory.mkdir()
        self.port = free_port()
        self.log = self.directory / "osapi.access.log"
        self.settings = {"OSAPI_API_SERVER_PORT": str(self.port),
                         **(settings or {})}
        if around:
            parts = [self.render("--snippet", part) for part in
                     ("http", "server")]
            text = around(self.port, *parts)
        else:
            text = self.render()
        for old, new in changes:
            assert old in text, f"{old!r} is not in:\n{text}"
            text = text.replace(old, new)
        self.text = text
        self.conf = complete(self.directory, text)
        self.process = None

    def render(self, *words):
        done = self.stack.osapi("nginx", "config", *words, **self.settings)
        return done.stdout.replace("/var/log/nginx/", f"{self.directory}/")

    def start(self):
        said = check(self.conf)
        assert said == "", said
        self.process = self.stack.add(
            f"nginx-{self.directory.name}",
            ["nginx", "-c", str(self.conf), "-p", str(self.directory), "-e",
             "stderr"])
        wait_until("nginx listens", lambda: self.process.check() and
                   listens(self.port))
        return self

    def client(self, role=None):
        return Client(self.port, role and self.stack.token(role))

    def lines(self, request_id):
        """The parsed lines of the access log with that id; all must parse."""
        def written():
            return [row for row in self.rows()
                    if row["request_id"] == request_id]
        return wait_until("the access log has it", written)

    def rows(self):
        """All parsed lines; the last may be half written as it is read."""
        whole = self.log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.split("\n") if line]

    def raw(self, octets):
        """What comes back for these octets until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), LIMIT) as s:
            s.sendall(octets)
            return s.makefile("rb").read()

    def handshake(self, version=None, ciphers=None, alpn=("h2", "http/1.1")):
        """The TLS session that a client with those limits gets."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(
            self.settings["OSAPI_API_SERVER_TLS_CERTIFICATE"])
        if version:
            context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        context.set_alpn_protocols(list(alpn))
        with socket.create_connection(("127.0.0.1", self.port), LIMIT) as s, \
                context.wrap_socket(s, server_hostname="localhost") as secure:
            return (secure.version(), secure.cipher()[0],
                    secure.selected_alpn_protocol())


def curl(*words):
    """Runs curl to its end: headers (lower case, a list each) and body."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(LIMIT), *words],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=2 * LIMIT, check=False)
    if done.returncode != 0:
        raise StackError(f"curl: {done.stderr}")
    return done.stdout
