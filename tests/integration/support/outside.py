"""An outside world for builds: a name server and web servers on the addresses given, in a network namespace of its own.

outside.py NAMESERVER NAME=ADDRESS...: answers questions for these names, and HTTP on ports 80 and 8080 of every address that is its own, with
the words "from ADDRESS:PORT".
"""
import http.server
import socket
import struct
import sys
import threading

names = dict(word.split("=") for word in sys.argv[2:])


def answer(message):
    end, labels = 12, []
    while message[end]:
        labels.append(message[end + 1:end + 1 + message[end]].decode().lower())
        end += message[end] + 1
    kind = struct.unpack(">H", message[end + 1:end + 3])[0]
    question = message[12:end + 5]
    address = names.get(".".join(labels))
    code = 0 if address else 3
    records = b""
    if address and kind == 1:
        # An alias before the address, as content networks have.
        records = b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, 3) + b"\x01z\0"
        records += b"\x01z\0" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    return message[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 2 if records else 0, 0, 0) + question + records


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host, port = self.connection.getsockname()
        body = f"from {host}:{port}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


for port in (80, 8080):
    threading.Thread(target=http.server.ThreadingHTTPServer(("0.0.0.0", port), Page).serve_forever, daemon=True).start()
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 53))
print("ready", flush=True)
while True:
    asked, client = server.recvfrom(4096)
    try:
        server.sendto(answer(asked), client)
    except (IndexError, struct.error):
        pass
