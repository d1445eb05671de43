#!/usr/bin/env python3
"""SSH clients that no honest program is. Usage: hostile_ssh.py WHAT PORT ARGUMENTS...

strangers PORT COUNT WORDS     COUNT connections that say WORDS and no more, until standard input ends; prints "ready"
window PORT KEY COMMAND        sends without regard to the window; prints "cut off" or "served"
borrowed PORT KEY PUBLIC       claims the key PUBLIC (a file) and signs with KEY; prints "let in" or "refused"
loris PORT WORDS               says WORDS a byte a second; prints "cut off" or "served"
deaf PORT KEY                  asks again and again and reads no answer; prints "cut off" or "served"
flood PORT KEY COMMAND         sets 20,000 environment variables, opens 100 sessions, runs COMMAND in the first; prints its output
guesses PORT COUNT             tries COUNT passwords; prints how many were answered
requests PORT KEY COMMAND      asks for what is not served, then runs COMMAND; prints its output
"""
import os
import socket
import sys
import time

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


def loris(port, words):
    stranger = socket.create_connection((HOST, int(port)))
    stranger.settimeout(1)
    end = time.time() + 60
    for byte in (words * 60).encode():
        try:
            stranger.sendall(bytes([byte]))
            while stranger.recv(4096):
                pass
            break
        except TimeoutError:
            if time.time() > end:
                return print("served")
        except OSError:
            break
    print("cut off")


def deaf(port, key_file):
    import paramiko

    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect((HOST, int(port)))
    transport = paramiko.Transport(narrow)
    transport.start_client(timeout=20)
    transport.auth_publickey("git", load(key_file))
    # One more packet, and its reader sleeps.
    transport.packetizer.read_message = lambda: time.sleep(3600)
    request = paramiko.Message()
    request.add_byte(paramiko.common.cMSG_GLOBAL_REQUEST)
    request.add_string("keepalive@openssh.com")
    request.add_boolean(True)
    end = time.time() + 120
    said = "served"
    try:
        while time.time() < end:
            transport.packetizer.send_message(request)
    except Exception:
        said = "cut off"
    print(said, flush=True)
    os._exit(0)


def flood(port, key_file, command):
    import paramiko

    transport = logged_in(port, load(key_file))
    channel = transport.open_session()
    for number in range(20000):
        request = paramiko.Message()
        request.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
        request.add_int(channel.remote_chanid)
        request.add_string("env")
        request.add_boolean(False)
        request.add_string("NAME%d" % number)
        request.add_string("x" * 1000)
        transport.packetizer.send_message(request)
    sessions = []
    for _ in range(100):
        try:
            sessions.append(transport.open_session(timeout=10))
        except paramiko.SSHException:
            pass
    channel.exec_command(command)
    sys.stdout.write(channel.makefile().read().decode())
    transport.close()


def guesses(port, count):
    import paramiko

    transport = paramiko.Transport((HOST, int(port)))
    transport.start_client(timeout=20)
    answered = 0
    try:
        for number in range(int(count)):
            try:
                transport.auth_password("git", "guess%d" % number)
            except paramiko.BadAuthenticationType:
                pass
            answered += 1
    except Exception:
        pass
    print(answered)


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
    late = transport.open_session()
    late.exec_command(command)
    try:
        late.get_pty()  # its command has begun without one
        print("a terminal for a command that runs")
    except paramiko.SSHException:
        pass
    sys.stdout.write(channel.makefile().read().decode())
    transport.close()


ways = [strangers, window, borrowed, loris, deaf, flood, guesses, requests]
{way.__name__: way for way in ways}[sys.argv[1]](*sys.argv[2:])
