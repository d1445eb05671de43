#!/usr/bin/env python3
"""router_checks.py ROUTER HOST CHECK...: says HTTP to the app of talk.cpp through the router (HOST:PORT), byte by byte, and prints what
does not come as it should; the exit status is 1 then. ROUTER may begin with tls: (then no certificate is verified)."""
import base64
import hashlib
import os
import socket
import ssl
import sys
import time

ROUTER, HOST = sys.argv[1:3]


class Wrong(Exception):
    pass


def expect(is_true, text):
    if not is_true:
        raise Wrong(text)


class Link:
    def __init__(self, alpn=None):
        address = ROUTER.removeprefix("tls:").rsplit(":", 1)
        self.socket = socket.create_connection((address[0], int(address[1])), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if ROUTER.startswith("tls:"):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket, server_hostname=HOST)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, method, path, *headers, version="HTTP/1.1"):
        self.send("\r\n".join(["%s %s %s" % (method, path, version), "Host: " + HOST, *headers, "", ""]).encode())

    def fill(self):
        data = self.socket.recv(65536)
        expect(data, "the connection ended after %r" % self.buffer[-200:])
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.fill()
        text, _, self.buffer = self.buffer.partition(mark)
        return text

    def exactly(self, count):
        while len(self.buffer) < count:
            self.fill()
        text, self.buffer = self.buffer[:count], self.buffer[count:]
        return text

    def rest(self):
        while True:
            data = self.socket.recv(65536)
            if not data:
                return self.buffer
            self.buffer += data

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields.setdefault(name.lower(), []).append(value.strip())
        return int(lines[0].split(" ")[1]), fields

    def chunk(self):
        text = self.exactly(int(self.until(b"\r\n"), 16) + 2)
        return text[:-2]

    def body(self, fields):
        if "content-length" in fields:
            return self.exactly(int(fields["content-length"][0]))
        text = b""
        while True:
            piece = self.chunk_or_end()
            if piece is None:
                return text
            text += piece

    def chunk_or_end(self):
        size = int(self.until(b"\r\n"), 16)
        if size == 0:
            self.trailers = []
            while True:
                line = self.until(b"\r\n")
                if not line:
                    return None
                self.trailers.append(line.decode())
        return self.exactly(size + 2)[:-2]

    def answer(self):
        status, fields = self.head()
        while status == 100:
            status, fields = self.head()
        return status, fields, self.body(fields).decode("latin-1")


def sum_of(data):
    total = 2166136261
    for byte in data:
        total = (total ^ byte) * 16777619 & 0xFFFFFFFF
    return total


def headers():
    """What the process is told about the client, whatever the client says itself."""
    link = Link()
    link.ask("GET", "/head", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: evil", "X-Forwarded-Port: 1", "Connection: X-Hop", "X-Hop: 1", "X-Kept: yes")
    status, fields, told = link.answer()
    expect(status == 200, "status %d" % status)
    port = ROUTER.rsplit(":", 1)[1]
    scheme = "https" if ROUTER.startswith("tls:") else "http"
    for line in ("Host: " + HOST, "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: " + scheme, "X-Forwarded-Host: " + HOST, "X-Forwarded-Port: " + port, "X-Kept: yes"):
        expect(told.lower().count("\r\n" + line.lower() + "\r\n") == 1, "%r is not in %r" % (line, told))
    for word in ("6.6.6.6", "gopher", "evil", "X-Hop"):
        expect(word not in told, "%r is in %r" % (word, told))
    made = fields["x-request-id"]
    expect(len(made) == 1 and len(made[0]) == 36 and "X-Request-Id: " + made[0] in told, "request id %r, and the process was told %r" % (made, told))


def keepalive():
    link = Link()
    for number in range(20):
        link.ask("GET", "/")
        status, _, text = link.answer()
        expect(status == 200 and text.startswith("dyno=web."), "%d %r" % (status, text))


def head():
    link = Link()
    link.ask("HEAD", "/")
    status, fields = link.head()
    expect(status == 200 and fields["content-length"] == ["12345"], "HEAD gave %d %r" % (status, fields))
    link.ask("GET", "/")
    expect(link.answer()[0] == 200, "the connection was not usable after HEAD")


def http10():
    link = Link()
    link.ask("GET", "/", version="HTTP/1.0")
    status, fields = link.head()
    expect(status == 200 and link.rest().startswith(b"dyno=web."), "HTTP/1.0 gave %d" % status)
    link = Link()
    link.ask("GET", "/stream?3,1", version="HTTP/1.0")
    status, fields = link.head()
    expect("transfer-encoding" not in fields and link.rest() == b"piece 1\npiece 2\npiece 3\n", "a stream to HTTP/1.0: %r" % fields)


def long_requests():
    link = Link()
    path = "/head/" + "p" * 30000
    link.ask("GET", path, "X-Large: " + "h" * 60000)
    status, _, told = link.answer()
    expect(status == 200 and path in told and "h" * 60000 in told, "a long URL and a large header: %d" % status)
    link = Link()
    try:
        link.ask("GET", "/head", "X-Large: " + "h" * 2000000)
    except (ConnectionError, ssl.SSLError):
        pass  # it is refused before it has all been read
    status, _ = link.head()
    expect(status == 431, "2 MB of headers: %d" % status)


def continues():
    link = Link()
    link.ask("POST", "/upload", "Expect: 100-continue", "Content-Length: 5")
    expect(link.head()[0] == 100, "no 100")
    link.send(b"hello")
    status, _, text = link.answer()
    expect(status == 200 and text.startswith("bytes=5 "), "after 100: %d %r" % (status, text))


def refuses():
    link = Link()
    link.ask("POST", "/refuse", "Expect: 100-continue", "Content-Length: 500000000")
    status = link.head()[0]
    if status == 100:
        status = link.head()[0]
    expect(status == 413, "a body that is refused: %d" % status)


def trailers():
    """Those of an answer. (Caddy drops a request's, as nginx does.)"""
    link = Link()
    link.ask("POST", "/upload", "Transfer-Encoding: chunked", "Trailer: X-Sum")
    link.send(b"5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n")
    status, _, text = link.answer()
    expect(status == 200 and text.startswith("bytes=5 "), "a request with trailers: %d %r" % (status, text))
    link.ask("GET", "/stream?2,1", "TE: trailers")
    link.answer()
    expect("X-Pieces: 2" in link.trailers, "trailers from the process: %r" % link.trailers)


def streams():
    """The pieces come when they are made, not when the answer is whole."""
    link = Link()
    link.ask("GET", "/events?5,400")
    status, fields = link.head()
    expect(fields["content-type"] == ["text/event-stream"], "%r" % fields)
    times = []
    for number in range(5):
        expect(link.chunk() == b"data: %d\n\n" % (number + 1), "an event")
        times.append(time.monotonic())
    gaps = [later - sooner for sooner, later in zip(times, times[1:])]
    expect(min(gaps) > 0.2, "events came together: %r" % gaps)


def websocket():
    link = Link()
    key = base64.b64encode(os.urandom(16)).decode()
    link.ask("GET", "/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key)
    status, fields = link.head()
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    expect(status == 101 and fields["sec-websocket-accept"] == [accept], "%d %r" % (status, fields))
    for size in (1, 100, 60000):
        text, mask = os.urandom(size), os.urandom(4)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        link.send(b"\x82" + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
        first = link.exactly(2)
        if size >= 126:
            link.exactly(2)
        expect(first[0] == 0x82 and link.exactly(size) == text, "an echo of %d bytes" % size)


def upload():
    """1 GiB, whose end is sent when the process has all before it: nothing waits for the whole in between."""
    link = Link()
    size = 1 << 30
    block = os.urandom(1 << 20)
    link.ask("POST", "/upload", "Content-Length: %d" % size)
    for _ in range(size // len(block)):
        link.send(block)
    status, _, text = link.answer()
    expect(status == 200 and text.startswith("bytes=%d " % size), "%d %r" % (status, text))
    link.ask("POST", "/upload", "Content-Length: %d" % len(block))
    link.send(block)
    expect("sum=%d" % sum_of(block) in link.answer()[2], "the bytes were others")


def download():
    link = Link()
    link.ask("GET", "/big?%d" % (1 << 30))
    status, fields = link.head()
    left = int(fields["content-length"][0]) - len(link.buffer)
    while left > 0:
        data = link.socket.recv(1 << 20)
        expect(data, "the download ended %d bytes early" % left)
        left -= len(data)


def abandoned():
    """A client that goes away in the middle takes nothing with it."""
    for path in ("/slow?300", "/stream?100,50"):
        link = Link()
        link.ask("GET", path)
        time.sleep(0.1)
        link.socket.close()
    keepalive()


def main():
    wrong = 0
    for name in sys.argv[3:]:
        try:
            globals()[name]()
            print("ok    " + name)
        except (Wrong, OSError, ValueError, KeyError) as failed:
            wrong += 1
            print("WRONG %s: %s %s" % (name, type(failed).__name__, str(failed)[:600]))
    sys.exit(1 if wrong else 0)


main()
