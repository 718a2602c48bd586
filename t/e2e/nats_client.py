"""A NATS client by the plain protocol, with the API's or a worker's password.

It is what somebody has who holds the broker: it publishes what it likes, as
often as it likes, and reads what is stored.  One thread uses one client.
"""

import base64
import hashlib
import json
import os
import pathlib
import socket
import time
import uuid

import yaml
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import \
    Ed25519PrivateKey

LIMIT = 60  # seconds, a guard
SIGNATURE = "Osapi-Signature"


class NatsError(Exception):
    """The server said no, or nothing."""


def credentials(stack, user):
    """The name and password of a user in NATS."""
    config = yaml.safe_load(stack.config.read_text())
    if user == "api":
        found = config["api"]["server"]["nats"]
    elif user == "monitor":
        found = {"user": user, **config["nats"]["server"]["monitor"]}
    else:
        path = stack.directory / "hosts" / user / "osapi.yaml"
        found = yaml.safe_load(path.read_text())["job"]["worker"]["nats"]
    return found["user"], found["password"]


class Nats:
    """A connection as `user`: "api", "monitor", or the host of a worker that
    was admitted; `login` is a name and its password instead."""

    def __init__(self, stack, user="api", login=None):
        name, password = login or credentials(stack, user)
        self.inbox = f"_INBOX_{name.replace('.', '_')}.{uuid.uuid4().hex}"
        self.count = 0
        self.socket = socket.create_connection(
            ("127.0.0.1", stack.nats_port), LIMIT)
        self.lines = self.socket.makefile("rb")
        self.lines.readline()  # INFO
        options = {"verbose": False, "pedantic": False, "headers": True,
                   "user": name, "pass": password}
        self.send(f"CONNECT {json.dumps(options)}\r\nSUB {self.inbox}.> 1\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def send(self, text, data=b""):
        self.socket.sendall(text.encode() + data)

    def publish(self, subject, data=b"", headers=None, reply=""):
        """One message; headers is a dict."""
        data = data.encode() if isinstance(data, str) else data
        if headers is None:
            self.send(f"PUB {subject} {reply} {len(data)}\r\n",
                      data + b"\r\n")
            return
        head = "NATS/1.0\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        self.send(f"HPUB {subject} {reply} {len(head)} "
                  f"{len(head) + len(data)}\r\n",
                  head.encode() + data + b"\r\n")

    def receive(self):
        """The next message's subject, reply subject and data."""
        while True:
            line = self.lines.readline().decode()
            words = line.split()
            if not words:
                raise NatsError("the server closed the connection")
            if words[0] == "PING":
                self.send("PONG\r\n")
            elif words[0] == "-ERR":
                raise NatsError(line.strip())
            elif words[0] in ("MSG", "HMSG"):
                break
        headers = words[0] == "HMSG"
        body = self.lines.read(int(words[-1]) + 2)[:-2]
        at = int(words[-2]) if headers else 0
        reply = words[3] if len(words) == (6 if headers else 5) else ""
        return words[1], reply, body[at:]

    def request(self, subject, data=b"", headers=None):
        """Publishes and returns the data of the answer."""
        self.count += 1
        reply = f"{self.inbox}.{self.count}"
        self.publish(subject, data, headers, reply)
        while True:
            to, _, body = self.receive()
            if to == reply:
                return body

    def store(self, subject, data, headers=None):
        """Publishes into a stream; the sequence that it got."""
        answer = json.loads(self.request(subject, data, headers))
        if "error" in answer:
            raise NatsError(f"{subject}: {answer['error']}")
        return answer["seq"]

    def api(self, what, **body):
        """A request to JetStream; its answer."""
        answer = json.loads(self.request(f"$JS.API.{what}", json.dumps(body)))
        if "error" in answer:
            raise NatsError(f"{what}: {answer['error']}")
        return answer

    # ---- what the job store holds ----

    def keys(self, bucket, prefix="", rest=">"):
        """What follows the prefix in all keys of a bucket, page by page."""
        start, found = f"$KV.{bucket}.{prefix}", []
        while True:
            answer = self.api(f"STREAM.INFO.KV_{bucket}", offset=len(found),
                              subjects_filter=start + rest)
            page = answer["state"].get("subjects") or {}
            found += [subject[len(start):] for subject in page]
            if not page or len(found) >= answer.get("total", 0):
                return found

    def jobs(self):
        """Ids of stored jobs, and of deleted ones that left a mark."""
        return self.keys("job-queue", "jobs.")

    def deleted(self, job_id):
        """Whether that is all that is left of it."""
        _, headers = self.message(f"$KV.job-queue.jobs.{job_id}")
        return headers.get("KV-Operation") in ("DEL", "PURGE")

    def responses(self):
        """(job, host) of stored responses."""
        return [tuple(reversed(key.split(".")))
                for key in self.keys("job-responses")]

    def events(self, job_id="*", event="*", host="*"):
        """Keys of stored events: {job}.{event}.{host}.{time} each."""
        return self.keys("job-queue", "status.", f"{job_id}.{event}.{host}.*")

    def event(self, key):
        """The document of one of them."""
        return json.loads(self.message(f"$KV.job-queue.status.{key}")[0])

    def message(self, subject, stream="KV_job-queue"):
        """Data and headers of a subject's last message."""
        message = self.api(f"STREAM.MSG.GET.{stream}",
                           last_by_subj=subject)["message"]
        head = base64.b64decode(message.get("hdrs", "")).decode()
        headers = dict(line.split(": ", 1)
                       for line in head.split("\r\n")[1:] if line)
        return base64.b64decode(message.get("data", "")), headers

    def job(self, job_id):
        """A stored job's octets and signature."""
        data, headers = self.message(f"$KV.job-queue.jobs.{job_id}")
        return data, headers[SIGNATURE]

    def put_job(self, job_id, data, signature=None):
        """Stores a job as the API does, without its notification."""
        return self.store(f"$KV.job-queue.jobs.{job_id}", data,
                          {SIGNATURE: signature} if signature else {"X": "-"})

    def notifications(self):
        """How many messages each subject of the stream JOBS has."""
        answer = self.api("STREAM.INFO.JOBS", subjects_filter="jobs.>")
        return answer["state"].get("subjects") or {}

    def unsettled(self, consumer):
        """Notifications that a consumer still has to see answered."""
        answer = self.api(f"CONSUMER.INFO.JOBS.{consumer}")
        return answer["num_pending"] + answer["num_ack_pending"]

    def waiting(self, consumer):
        """Pulls that wait at it."""
        return self.api(f"CONSUMER.INFO.JOBS.{consumer}")["num_waiting"]

    def all_unsettled(self):
        """The same of every consumer that has any, for `monitor`."""
        found, seen, total = {}, 0, 1
        while seen < total:
            answer = self.api("CONSUMER.LIST.JOBS", offset=seen)
            for one in answer["consumers"]:
                left = one["num_pending"] + one["num_ack_pending"]
                if left:
                    found[one["name"]] = left
            seen += len(answer["consumers"])
            total = answer["total"] if answer["consumers"] else 0
        return found


SHARED = "jobs-worker-any"


def own_consumer(host, target):
    """A worker's consumer for submitted jobs of a target ("host.w-1")."""
    token = host.replace(".", "_")
    name = hashlib.sha256(f"{token} jobs.*.{target}".encode()).hexdigest()
    return f"worker-{token}-{name[:24]}"


def uuid7():
    """A job id of now."""
    value = int(time.time() * 1000) << 80 | \
        int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    return str(uuid.UUID(int=value & ~(3 << 62) | 2 << 62))


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """Signs as the API does (RFC 7797), with its key or a forger's own."""

    def __init__(self, path=None):
        self.key = Ed25519PrivateKey.generate() if path is None else \
            serialization.load_pem_private_key(
                pathlib.Path(path).read_bytes(), None)
        digest = hashes.Hash(hashes.SHA256())
        digest.update(self.key.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo))
        self.key_id = base64url(digest.finalize())

    def sign(self, data):
        """The signature header's value for these octets."""
        head = base64url(json.dumps(
            {"alg": "EdDSA", "b64": False, "crit": ["b64"],
             "kid": self.key_id, "typ": "osapi-job"},
            separators=(",", ":")).encode())
        signed = self.key.sign(head.encode() + b"." + data)
        return f"{head}..{base64url(signed)}"
