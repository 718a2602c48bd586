"""The whole stack with TLS between its programs and nats-server."""

import datetime
import ipaddress
import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nats_client import credentials
from stack import Stack, program, wait_until

JOBS = "/api/v1/jobs"


class Authority:
    """Certificates for 127.0.0.1 below a directory."""

    def __init__(self, directory, name):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = directory / f"{name}.pem"
        self.path.write_bytes(self.sign(self.name, self.key, True))

    def sign(self, subject, key, is_authority):
        now = datetime.datetime.utcnow()
        made = x509.CertificateBuilder(
            issuer_name=self.name, subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(hours=1),
            not_valid_after=now + datetime.timedelta(hours=1)).add_extension(
            x509.BasicConstraints(is_authority, None), True).add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        return made.sign(self.key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM)

    def issue(self, name):
        """Paths of a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        paths = [self.directory / f"{name}.crt", self.directory / f"{name}.key"]
        paths[0].write_bytes(self.sign(subject, key, False))
        paths[1].write_bytes(key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return [str(path) for path in paths]


def client_env(ca, certificate=None):
    """What api and worker are told."""
    env = {}
    for part in ("API_SERVER", "JOB_WORKER"):
        env[f"OSAPI_{part}_NATS_TLS_CA"] = str(ca)
        if certificate:
            env[f"OSAPI_{part}_NATS_TLS_CERTIFICATE"] = certificate[0]
            env[f"OSAPI_{part}_NATS_TLS_KEY"] = certificate[1]
    return env


@pytest.fixture(name="secure", scope="module")
def fixture_secure(tmp_path_factory):
    """A stack whose server shows a certificate and wants to see one."""
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority(directory, "authority")
    server = authority.issue("nats")
    stack = Stack(env={
        "OSAPI_NATS_SERVER_TLS_CERTIFICATE": server[0],
        "OSAPI_NATS_SERVER_TLS_KEY": server[1],
        "OSAPI_NATS_SERVER_TLS_CA": str(authority.path),
        **client_env(authority.path, authority.issue("programs"))})
    stack.authority, stack.tls_directory = authority, directory
    stack.start()
    yield stack
    stack.close()


def test_jobs_run_over_tls(secure):
    writer, reader = secure.client("write"), secure.client("read")
    jobs = [writer.post(JOBS, {"operation": {
        "type": "system.hostname.get", "data": {}}}).json()["job_id"]
            for _ in range(50)]
    for job in jobs:
        reply = reader.get(f"{JOBS}/{job}?wait=30s")
        assert reply.json()["status"] == "completed", reply
    assert reader.get("/api/v1/system/hostname").status == 200


def test_the_watch_gets_in_as_well(secure):
    """Else it could not tell a mute server from one that it cannot ask."""
    wait_until("it has an answer", lambda: "nats-server answers" in
               secure.nats.log.read_text())
    assert "is not watched" not in secure.nats.log.read_text()


def test_nobody_gets_in_without_tls(secure):
    user, password = credentials(secure, "api")
    with socket.create_connection(("127.0.0.1", secure.nats_port), 30) as s:
        lines = s.makefile("rb")
        assert b'"tls_required":true' in lines.readline()
        s.sendall(b'CONNECT {"verbose":false,"user":"%s","pass":"%s"}\r\n'
                  b"PING\r\n" % (user.encode(), password.encode()))
        try:
            said = lines.read()
        except ConnectionResetError:
            said = b""
    assert b"PONG" not in said


@pytest.mark.parametrize("name,with_certificate,words", [
    ("an unknown authority", True, "unable to get local issuer certificate"),
    # TLS 1.3: only the server knows what was wrong
    ("no certificate of its own", False, "client didn't provide a certificate")
])
def test_a_worker_that_is_not_let_in_says_why(secure, name, with_certificate,
                                              words):
    authority = secure.authority
    ca = authority.path
    if with_certificate:
        ca = Authority(secure.tls_directory, "stranger").path
    journal = secure.directory / f"refused-{int(with_certificate)}"
    journal.mkdir(exist_ok=True)
    env = {key: value for key, value in secure.env.items()
           if "NATS_TLS" not in key or key.startswith("OSAPI_NATS_SERVER")}
    env.update(client_env(ca, authority.issue("another")
                          if with_certificate else None))
    env["OSAPI_JOB_WORKER_JOURNAL_DIR"] = str(journal)
    worker = secure.add(f"refused-{int(with_certificate)}", [
        program("osapi-worker"), "-f", str(secure.config)], env)
    logs = (worker.log, secure.nats.log)
    wait_until(f"it says why ({name})", lambda: worker.check() and
               "cannot be reached: " in worker.log.read_text() and
               any(words in log.read_text() for log in logs))
    assert worker.stop() == 0
