"""Runs a command, which starts a shell, at a terminal of its own: looks that keys, signals and sizes arrive, ends the shell with exit code 5."""
import fcntl, os, pty, select, signal, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
def wait(text, seconds=20):
    global seen
    end = time.time() + seconds
    while text not in seen:
        if time.time() > end:
            sys.exit("not seen: %r in %r" % (text, seen))
        if select.select([fd], [], [], 0.2)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                break
    seen = seen[seen.find(text) + len(text):]
def keys(text):
    os.write(fd, text)
def size(rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.kill(pid, signal.SIGWINCH)
size(30, 90)
wait(b"$ ")
keys(b"tty >/dev/null; test -t 0 && test -t 1 && echo is-a-'terminal'\n")
wait(b"is-a-terminal")
keys(b"echo ter'm'-$TERM; stty size\n")
wait(b"term-xterm")
wait(b"30 90")
size(40, 120)
time.sleep(0.5)
keys(b"stty size\n")
wait(b"40 120")
keys(b"sleep 1000\n")
time.sleep(1)
keys(b"\x03")
keys(b"echo after-'interrupt'\n")
wait(b"after-interrupt")
keys(b"exit 5\n")
status = os.waitpid(pid, 0)[1]
sys.exit(0 if os.waitstatus_to_exitcode(status) == 5 else "exit code %r" % status)
