#!/usr/bin/env python3
"""SSH clients that no honest program is. Usage: hostile_ssh.py WHAT PORT ARGUMENTS...

strangers PORT COUNT WORDS     COUNT connections that say WORDS and no more, until standard input ends; prints "ready"
window PORT KEY COMMAND        sends without regard to the window; prints "cut off" or "served"
borrowed PORT KEY PUBLIC       claims the key PUBLIC (a file) and signs with KEY; prints "let in" or "refused"
requests PORT KEY COMMAND      asks for what is not served, then runs COMMAND; prints its output
"""
import socket
import sys

HOST = "127.0.0.1"


def strangers(port, count, words):
    held = []
    for _ in range(int(count)):
        stranger = socket.create_connection((HOST, int(port)))
        stranger.sendall(words.encode().decode("unicode_escape").encode("latin-1"))
        held.append(stranger)
    print("ready", flush=True)
    sys.stdin.read()


def logged_in(port, key):
    import paramiko

    transport = paramiko.Transport((HOST, int(port)))
    transport.start_client(timeout=20)
    transport.auth_publickey("git", key)
    return transport


def load(key_file):
    import paramiko

    return paramiko.Ed25519Key.from_private_key_file(key_file)


def window(port, key_file, command):
    transport = logged_in(port, load(key_file))
    channel = transport.open_session()
    channel.exec_command(command)
    channel.out_window_size = 1 << 40
    channel.settimeout(20)
    try:
        for _ in range(64 << 5):
            channel.sendall(b"x" * (32 << 10))
    except Exception:
        pass
    transport.join(10)
    print("served" if transport.is_active() else "cut off")


def borrowed(port, key_file, public_file):
    import base64

    import paramiko

    claimed = base64.b64decode(open(public_file).read().split()[1])

    class Borrowed(paramiko.Ed25519Key):
        def asbytes(self):
            return claimed

    try:
        logged_in(port, Borrowed(filename=key_file))
        print("let in")
    except paramiko.AuthenticationException:
        print("refused")


def requests(port, key_file, command):
    import paramiko

    transport = logged_in(port, load(key_file))
    transport.global_request("no-such-request@example.org", wait=True)
    transport.global_request("tcpip-forward", ("localhost", 0), wait=True)
    for kind in ("direct-tcpip", "forwarded-tcpip", "x11", "no-such-channel"):
        try:
            transport.open_channel(kind, ("localhost", 22), ("localhost", 23), timeout=10)
            print("opened", kind)
        except paramiko.ChannelException:
            pass
    channel = transport.open_session()
    channel.set_environment_variable("LD_PRELOAD", "/tmp/evil.so")
    channel.exec_command(command)
    sys.stdout.write(channel.makefile().read().decode())
    transport.close()


{"strangers": strangers, "window": window, "borrowed": borrowed, "requests": requests}[sys.argv[1]](*sys.argv[2:])
