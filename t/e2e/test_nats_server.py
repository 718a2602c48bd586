"""nats-server under the eyes of `osapi nats server start`."""

import fcntl
import os
import signal

import pytest
import yaml

from job_client import kill_idle
from nats_client import SHARED, Nats, NatsError
from nats_server import NatsServer
from private_etc import possible
from stack import Stack, alive, listens, wait_until

GOOD = {"operation": {"type": "system.hostname.get", "data": {}}}
JOBS = "/api/v1/jobs"
FS_IOC_GETFLAGS = 0x80086601  # <linux/fs.h>, of a machine with 64 bits
FS_SYNC_FL = 0x8


@pytest.fixture(name="server")
def fixture_server():
    with NatsServer() as server:
        yield server


def test_it_is_started_and_stopped_as_systemd_has_it(server):
    server.start(WATCHDOG_USEC="20000000")
    child = server.server()
    assert listens(server.nats_port)
    with open(f"/proc/{child}/environ", "rb") as file:
        names = [item.split(b"=")[0] for item in file.read().split(b"\0")]
    assert b"PATH" in names, "it has our environment"
    assert b"NOTIFY_SOCKET" not in names, "systemd hears of the watch alone"
    server.wait_told("WATCHDOG=1")
    os.kill(server.nats.pid, signal.SIGTERM)
    assert server.nats.popen.wait(60) == 0
    while server.notify.recv(4096) != b"STOPPING=1":
        pass
    assert not alive(child)
    assert not listens(server.nats_port)


def test_it_ends_with_the_server(server):
    """So that whoever started it knows; it is not for us to hide a crash."""
    server.start()
    os.kill(server.server(), signal.SIGKILL)
    assert server.nats.popen.wait(60) == 128 + signal.SIGKILL


def test_the_server_goes_with_its_watch(server):
    server.start()
    child = server.server()
    os.kill(server.nats.pid, signal.SIGKILL)
    server.nats.popen.wait(60)
    wait_until("no server is left", lambda: not alive(child))


def test_a_frozen_server_is_replaced_and_no_job_is_lost():
    stack = Stack(env={"OSAPI_NATS_SERVER_MUTE_AFTER": "2s"}).start()
    try:
        reader, writer = stack.client("read"), stack.client("write")
        watch = stack.nats
        def server():
            pids = [int(word) for word in open(
                f"/proc/{watch.pid}/task/{watch.pid}/children").read().split()]
            return pids[0] if pids else None
        kill_idle(stack, 0, SHARED)
        jobs = [writer.post(JOBS, GOOD).json()["job_id"] for _ in range(10)]
        before = server()
        os.kill(before, signal.SIGSTOP)
        wait_until("another server", lambda: watch.check() and
                   server() not in (None, before))
        assert "nats-server is mute" in watch.log.read_text()
        stack.workers[0].start()
        stack.wait_ready()
        for job in jobs:
            reply = reader.get(f"{JOBS}/{job}?wait=60s", timeout=90)
            assert reply.json()["status"] == "completed", reply
        with Nats(stack) as nats:
            begun = [key.split(".")[0] for key in nats.events(event="started")]
        assert sorted(begun) == sorted(jobs), "each was run once"
    finally:
        stack.close()


@pytest.mark.skipif(not possible(), reason="no mount namespace here")
def test_a_server_stuck_on_a_full_disk_is_replaced():
    """It does not recover, ignores SIGTERM, and says that it is healthy."""
    with NatsServer(tmpfs_mib=100, OSAPI_NATS_SERVER_MUTE_AFTER="2s",
                    OSAPI_NATS_SERVER_MAX_FILE_STORE="96MiB",
                    OSAPI_JOB_KV_MAX_BYTES="40MiB") as server:
        server.start()
        server.wait_log("leaves no reserve")
        before = server.server()
        with Nats(server) as nats:
            nats.api("STREAM.CREATE.KV_job-queue", name="KV_job-queue",
                     subjects=["$KV.job-queue.>"], storage="file",
                     allow_direct=True, max_msgs_per_subject=1)
            # a few blocks are left, so that it is in the midst of one
            path = server.inside(server.store / "fill")
            with open(path, "wb") as out:
                os.posix_fallocate(out.fileno(), 0, 85 << 20)
            data = bytes(100_000)
            try:
                for number in range(1000):
                    nats.request(f"$KV.job-queue.fill.{number}", data)
            except (OSError, NatsError):
                pass
            else:
                pytest.fail("the server took it all")
        server.wait_replaced(before)
        assert "nats-server is mute" in server.nats.log.read_text()
        os.remove(path)
        with Nats(server) as nats:
            assert nats.store("$KV.job-queue.again", b"x") > 0


@pytest.mark.skipif(not possible(), reason="no mount namespace here")
def test_more_than_the_partition_is_refused():
    with NatsServer(tmpfs_mib=100, OSAPI_JOB_KV_MAX_BYTES="40MiB",
                    OSAPI_NATS_SERVER_MAX_FILE_STORE="101MiB") as server:
        server.launch()
        assert server.nats.popen.wait(60) == 2
        said = server.nats.log.read_text()
        assert "nats.server.max_file_store is 101 MiB, but the whole " \
            f"partition of {server.store} has 100 MiB" in said


@pytest.mark.skipif(not possible(), reason="no mount namespace here")
def test_power_is_not_promised_on_a_tmpfs():
    with NatsServer(tmpfs_mib=100, OSAPI_JOB_KV_MAX_BYTES="40MiB",
                    OSAPI_NATS_SERVER_MAX_FILE_STORE="80MiB",
                    OSAPI_NATS_SERVER_DURABILITY="power") as server:
        server.start()
        said = server.nats.log.read_text()
        assert "not the loss of power" in said
        assert "tmpfs" in said


def is_synchronous(path):
    """Whether chattr's S is set; None where the file system has no such."""
    fd = os.open(path, os.O_RDONLY)
    try:
        flags = fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(8))
    except OSError:
        return None
    finally:
        os.close(fd)
    return bool(int.from_bytes(flags[:4], "little") & FS_SYNC_FL)


def test_power_makes_a_store_on_a_disk_synchronous():
    with NatsServer(OSAPI_NATS_SERVER_DURABILITY="power") as server:
        if is_synchronous(server.store) is None:
            pytest.skip("the file system of temporary files has no chattr +S")
        server.start()
        with Nats(server) as nats:
            nats.api("STREAM.CREATE.KV_job-queue", name="KV_job-queue",
                     subjects=["$KV.job-queue.>"], storage="file")
            nats.store("$KV.job-queue.kept", b"x")
        conf = (server.store / "nats-server.conf").read_text()
        if "sync_interval: always" not in conf:  # before 2.10
            blocks = list(server.store.rglob("*.blk"))
            assert blocks and all(map(is_synchronous, blocks)), blocks
        assert "loss of power" not in server.nats.log.read_text()
        server.nats.stop()
        server.start()  # what is there is known to be synchronous
        assert "loss of power" not in server.nats.log.read_text()


def login(server, user, password):
    """Whether the server lets them in."""
    try:
        with Nats(server, login=(user, password)) as nats:
            nats.send("PING\r\n")
            return answer(nats) == b"PONG\r\n"
    except OSError:
        return False


def answer(nats):
    """The next line that is no word of the server's own; b"": the end."""
    line = nats.lines.readline()
    while line.startswith((b"INFO ", b"PING")):
        line = nats.lines.readline()
    return line


def test_a_reload_takes_new_users_without_a_restart(server):
    server.start()
    child = server.server()
    config = yaml.safe_load(server.config.read_text())
    api = config["api"]["server"]["nats"]
    old = api["password"]
    with Nats(server) as connected:
        api["password"] = "another-one"
        server.config.write_text(yaml.safe_dump(config))
        os.kill(server.nats.pid, signal.SIGHUP)
        words = server.wait_told("RELOADING=1") + server.wait_told("READY=1")
        assert "RELOADING=1" in words
        wait_until("the new password is good",
                   lambda: login(server, api["user"], "another-one"))
        assert not login(server, api["user"], old)
        assert b"-ERR" in answer(connected)
    assert server.server() == child


@pytest.mark.parametrize("change,words", [
    (lambda c: c["nats"]["server"].update(prot=1), "nats.server.prot"),
    (lambda c: c["api"]["server"]["nats"].update(user="", password=""),
     "api.server.nats.user and password are required"),
    (lambda c: c["nats"]["server"].update(
        tls={"certificate": "/nonexistent", "key": "/nonexistent"}),
     "nats-server refuses its configuration")])
def test_a_bad_reload_changes_nothing(server, change, words):
    server.start()
    child = server.server()
    text = server.config.read_text()
    config = yaml.safe_load(text)
    login_before = config["api"]["server"]["nats"]
    user, password = login_before["user"], login_before["password"]
    change(config)
    server.config.write_text(yaml.safe_dump(config))
    os.kill(server.nats.pid, signal.SIGHUP)
    server.wait_log("not reloaded, the former configuration stays")
    assert words in server.nats.log.read_text()
    assert server.server() == child
    assert login(server, user, password)
    assert os.listdir(server.store).count("nats-server.conf.new") == 0
