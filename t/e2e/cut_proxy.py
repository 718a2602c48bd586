"""A TCP proxy whose connections can be cut, for tests of a flapping network."""

import socket
import threading


class CutProxy:
    """Forwards from `port` of 127.0.0.1 to another one."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.ends = set()  # sockets of both sides
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:  # closed
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            with self.lock:
                self.ends |= {near, far}
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=pair,
                                 daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            self.end(end)

    def end(self, one):
        """Wakes whoever reads from it; the last reference closes it."""
        with self.lock:
            self.ends.discard(one)
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def cut(self):
        """Ends all connections; new ones are taken."""
        with self.lock:
            ends = list(self.ends)
        for one in ends:
            self.end(one)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
