#!/usr/bin/env python3
"""load.py ROUTER HOST FOLDER [KIND=RATE...] [long=SECONDS]: asks the app of talk.cpp at HOST through the router (HOST:PORT) until
FOLDER/stop exists, and writes FOLDER/report.json: for each kind how many went well, how many failed, the first failures, when each
began and ended (seconds since 1970), and the percentiles of the time in ms. FOLDER/started exists once something of each kind went well.

Kinds with a rate per second, whatever the answers take:
  keep      GET and POST by turns over connections that are kept (one in four is a POST, which nobody may repeat)
  fresh     GET over a connection of its own
Kinds with a number at any time, each of which takes `long` seconds and is followed by the next:
  socket    a websocket that says something twice a second, expects it back, and closes in order
  upload    a body that is sent in pieces, whose length must be told in the answer
  stream    an answer that comes in pieces, all of which must come
Nothing is tried again, with one exception that HTTP makes: a kept connection that the server closed before anything of the next
request was sent is replaced."""
import asyncio
import base64
import json
import os
import sys
import time

DEADLINE = 40.0


class Failed(Exception):
    pass


class Kind:
    def __init__(self):
        self.good = 0
        self.bad = 0
        self.failures = []
        self.failed_at = []
        self.times = []

    def note(self, began, failure=None):
        if failure is None:
            self.good += 1
            self.times.append((time.monotonic() - began) * 1000)
        else:
            self.bad += 1
            now = time.time()
            self.failed_at.append([round(now - time.monotonic() + began, 3), round(now, 3)])
            if len(self.failures) < 20:
                self.failures.append("%s after %.2f s at %s" % (failure, time.monotonic() - began, time.strftime("%H:%M:%S")))

    def report(self):
        times = sorted(self.times) or [0.0]
        at = lambda share: round(times[min(len(times) - 1, int(len(times) * share))], 2)
        return {"good": self.good, "bad": self.bad, "p50": at(0.5), "p99": at(0.99), "max": at(1), "failures": self.failures, "failed_at": self.failed_at}


class Load:
    def __init__(self, router, host, folder, long):
        self.address = router.rsplit(":", 1)
        self.host = host
        self.folder = folder
        self.long = long
        self.kinds = {}
        self.idle = []
        self.stopping = False

    async def connect(self):
        return await asyncio.open_connection(self.address[0], int(self.address[1]))

    def head(self, method, path, *more):
        return "\r\n".join(["%s %s HTTP/1.1" % (method, path), "Host: " + self.host, *more, "", ""]).encode()

    async def read_head(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        return int(head[0].split(" ")[1]), fields

    async def read_body(self, reader, fields):
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size = int((await reader.readuntil(b"\r\n")), 16)
                if size == 0:
                    while await reader.readuntil(b"\r\n") != b"\r\n":
                        pass
                    return body
                body += (await reader.readexactly(size + 2))[:-2]
        return await reader.readexactly(int(fields.get("content-length", "0")))

    async def answer(self, reader):
        status, fields = await self.read_head(reader)
        body = await self.read_body(reader, fields)
        if status != 200:
            raise Failed("%d %s" % (status, body[:100].decode("latin-1").strip()))
        return fields, body

    async def keep(self, number):
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof():
                break
            writer.close()
        else:
            reader, writer = await self.connect()
        try:
            if number % 4 == 0:
                writer.write(self.head("POST", "/upload", "Content-Length: 100") + b"x" * 100)
            else:
                writer.write(self.head("GET", "/"))
            fields, body = await self.answer(reader)
            if number % 4 == 0 and not body.startswith(b"bytes=100 "):
                raise Failed("wrong answer: %r" % body[:100])
        except BaseException:
            writer.close()
            raise
        if fields.get("connection") == "close":
            writer.close()
        else:
            self.idle.append((reader, writer))

    async def fresh(self, number):
        reader, writer = await self.connect()
        try:
            writer.write(self.head("GET", "/", "Connection: close"))
            await self.answer(reader)
        finally:
            writer.close()

    async def socket(self, number):
        reader, writer = await self.connect()
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            writer.write(self.head("GET", "/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key))
            status, _ = await self.read_head(reader)
            if status != 101:
                raise Failed("%d instead of a websocket" % status)
            end = time.monotonic() + self.long
            said = 0
            while time.monotonic() < end and not self.stopping:
                said += 1
                await self.say(reader, writer, 1, b"%d" % said)
                await asyncio.sleep(0.5)
            await self.say(reader, writer, 8, b"\x03\xe8")
        finally:
            writer.close()

    async def say(self, reader, writer, opcode, text):
        mask = os.urandom(4)
        writer.write(bytes([0x80 | opcode, 0x80 | len(text)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
        if await reader.readexactly(2 + len(text)) != bytes([0x80 | opcode, len(text)]) + text:
            raise Failed("the websocket answered something else")

    async def upload(self, number):
        reader, writer = await self.connect()
        pieces = max(1, int(self.long * 4))
        try:
            writer.write(self.head("POST", "/upload", "Content-Length: %d" % (pieces * 1000)))
            for _ in range(pieces):
                writer.write(b"u" * 1000)
                await writer.drain()
                await asyncio.sleep(0.25)
            _, body = await self.answer(reader)
            if not body.startswith(b"bytes=%d " % (pieces * 1000)):
                raise Failed("wrong answer: %r" % body[:100])
        finally:
            writer.close()

    async def stream(self, number):
        reader, writer = await self.connect()
        pieces = max(1, int(self.long * 4))
        try:
            writer.write(self.head("GET", "/stream?%d,250" % pieces))
            _, body = await self.answer(reader)
            if body.count(b"\n") != pieces:
                raise Failed("%d of %d pieces" % (body.count(b"\n"), pieces))
        finally:
            writer.close()

    async def one(self, name, number):
        kind = self.kinds[name]
        began = time.monotonic()
        try:
            await asyncio.wait_for(getattr(self, name)(number), DEADLINE + self.long)
            kind.note(began)
        except Failed as failed:
            kind.note(began, str(failed))
        except asyncio.IncompleteReadError as early:
            kind.note(began, "the connection ended after %d bytes" % len(early.partial))
        except (asyncio.TimeoutError, OSError) as failed:
            kind.note(began, type(failed).__name__ + " " + str(failed))

    async def at_rate(self, name, rate):
        began, number, tasks = time.monotonic(), 0, set()
        while not self.stopping:
            task = asyncio.ensure_future(self.one(name, number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        await asyncio.gather(*list(tasks))

    async def one_by_one(self, name, number, count):
        await asyncio.sleep(self.long * number / count)
        while not self.stopping:
            await self.one(name, number)
            number += 1

    async def watch(self):
        started = os.path.join(self.folder, "started")
        while not os.path.exists(os.path.join(self.folder, "stop")):
            if not os.path.exists(started) and all(kind.good + kind.bad > 0 for kind in self.kinds.values()):
                open(started, "w").close()
            await asyncio.sleep(0.05)
        self.stopping = True

    async def run(self, wanted):
        tasks = [self.watch()]
        for name, number in wanted:
            self.kinds[name] = Kind()
            if name in ("keep", "fresh"):
                tasks.append(self.at_rate(name, number))
            else:
                tasks += [self.one_by_one(name, i, number) for i in range(int(number))]
        began = time.monotonic()
        await asyncio.gather(*tasks)
        report = {name: kind.report() for name, kind in self.kinds.items()}
        report["seconds"] = round(time.monotonic() - began, 1)
        with open(os.path.join(self.folder, "report.new"), "w") as file:
            json.dump(report, file)
        os.rename(os.path.join(self.folder, "report.new"), os.path.join(self.folder, "report.json"))


def main():
    router, host, folder = sys.argv[1:4]
    settings = [word.split("=") for word in sys.argv[4:]]
    long = sum(float(value) for name, value in settings if name == "long") or 6.0
    wanted = [(name, float(value)) for name, value in settings if name != "long"]
    asyncio.run(Load(router, host, folder, long).run(wanted))


main()
