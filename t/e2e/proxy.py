"""A TCP proxy on 127.0.0.1 whose connections can be cut, slowed and stalled."""

import asyncio
import threading


class Proxy:
    """Forwards from `port` to another one, on a thread of its own; its methods
    may be called from any."""

    def __init__(self, target):
        self.target = target
        self.loop = asyncio.new_event_loop()
        # The loop's own, as long as it runs:
        self.pairs = set()  # both ends of each connection
        self.refusing = False
        self.greeting_only = False
        self.hung_up = 0  # clients that had only a greeting
        self.delay = 0.0  # seconds, of each direction
        # closed while that direction is stalled: to the target, from it
        self.gates = (asyncio.Event(), asyncio.Event())
        self.clear()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.take, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever,
                                       daemon=True)
        self.thread.start()

    def clear(self):
        self.refusing, self.greeting_only, self.delay = False, False, 0.0
        for gate in self.gates:
            gate.set()

    async def take(self, reader, writer):
        """One connection, until either end has closed it."""
        if self.refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, far_writer)
        self.pairs.add(pair)
        if self.greeting_only:
            await self.greet(reader, writer, far_reader)
        else:
            await self.forward(reader, writer, far_reader, far_writer)
        self.pairs.discard(pair)
        for end in pair:
            end.close()

    async def greet(self, reader, writer, far_reader):
        """The first line of the target, then nothing for good."""
        try:
            writer.write(await far_reader.readline())
            await reader.read()
        except OSError:
            pass  # reset: it ends as at an orderly end
        self.hung_up += 1

    async def forward(self, reader, writer, far_reader, far_writer):
        tasks = [asyncio.create_task(self.carry(*way)) for way in
                 ((reader, far_writer, self.gates[0]),
                  (far_reader, writer, self.gates[1]))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def carry(self, reader, writer, gate):
        """One direction: what is read goes on when its time has come."""
        queue = asyncio.Queue(maxsize=256)

        async def read():
            data = b"-"
            while data:
                try:
                    data = await reader.read(65536)
                except OSError:  # reset: it ends as at an orderly end
                    data = b""
                await queue.put((self.loop.time() + self.delay, data))

        async def write():
            while True:
                due, data = await queue.get()
                await asyncio.sleep(due - self.loop.time())
                await gate.wait()
                if not data:
                    return
                writer.write(data)
                await writer.drain()

        reading = asyncio.create_task(read())
        try:
            await write()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def abort(self):
        for pair in self.pairs:
            for end in pair:
                end.transport.abort()

    # ---- what others call ----

    def heal(self):
        self.loop.call_soon_threadsafe(self.clear)

    def cut(self):
        """Resets every connection; new ones are taken."""
        self.loop.call_soon_threadsafe(self.abort)

    def go_away(self):
        """The same, and new ones are reset too, until it is healed."""
        self.loop.call_soon_threadsafe(setattr, self, "refusing", True)
        self.cut()

    def go_mute(self):
        """Resets every connection; until it is healed, new ones get what the
        target says first, and then nothing."""
        self.loop.call_soon_threadsafe(setattr, self, "greeting_only", True)
        self.cut()

    def slow(self, seconds):
        """What comes from now on arrives so much later."""
        self.loop.call_soon_threadsafe(setattr, self, "delay", seconds)

    def stall(self, *directions):
        """Nothing goes to the target (0) or comes from it (1); all of it
        arrives when the proxy is healed."""
        for direction in directions:
            self.loop.call_soon_threadsafe(self.gates[direction].clear)

    def close(self):
        async def end():
            self.server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
