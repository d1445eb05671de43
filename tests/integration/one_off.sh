#!/usr/bin/env bash
# A command runs once in the app's newest release: over SSH with a terminal or with streams, over the machine's own door, or detached. It has
# the app's environment, ends with its own exit code, is seen in ps, is ended with its client, and no deploy touches it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

printf 'run_max_sessions = 3\n' >>"$work/fairlead.conf"
start_server
fairlead apps:create empty >/dev/null
refused 1 fairlead run true -a empty
assert_contains "$refusal" "push first" "before the first deploy"
deploy_web_app hello one
fairlead config:set -a hello GREETING='good day' >/dev/null

# shellcheck disable=SC2016 # for the shell in the container
run_code() {
  status=0
  output=$("$@" 2>&1) || status=$?
}

note "over the machine's own door"
run_code fairlead run -a hello sh -c 'echo "$GREETING $DYNO $HOME $PWD $1"; exit 3' name word
assert_eq "$output" "good day run.1 /app /app word" "what it printed"
assert_eq "$status" 3 "its exit code"
run_code fairlead run -a hello --env 'A=1;GREETING=other' env
assert_contains "$output" "A=1" "the environment"
assert_contains "$output" "GREETING=other" "the environment"
run_code fairlead run -a hello --timeout 1 sleep 100
assert_eq "$status" 124 "after its time"
assert_contains "$output" "run_timeout_s" "what is said"
refused 2 fairlead run -a hello
refused any fairlead run -a hello no-such-program

note "streams over SSH"
assert_eq "$(printf 'one\ntwo\n' | ssh_git run -a hello tr a-z A-Z)" $'ONE\nTWO' "what came back"
head -c 3000000 /dev/urandom >"$work/tmp/random"
ssh_git run -a hello cat <"$work/tmp/random" >"$work/tmp/back"
cmp "$work/tmp/random" "$work/tmp/back" || fail "the bytes are others"
run_code ssh_git run -a hello sh -c "'exit 7'" </dev/null
assert_eq "$status" 7 "its exit code over SSH"

note "a terminal over SSH"
cat >"$work/tmp/terminal.py" <<'PYTHON'
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
PYTHON
TERM=xterm python3 "$work/tmp/terminal.py" ssh -tt -F "$HOME/.ssh/config" -p "$ssh_port" git@localhost run -a hello bash --norc || fail "the terminal"

note "it is ended with its client"
ssh -F "$HOME/.ssh/config" -p "$ssh_port" git@localhost run -a hello sleep 1000 </dev/null &
client=$!
seen() { fairlead ps -a hello | grep -q 'run.1.*sleep 1000'; }
wait_until 20 "it is seen in ps" seen
note "a deploy leaves it alone"
fairlead config:set -a hello OTHER=1 >/dev/null
seen || fail "a deploy ended it"
kill "$client"
gone() { ! fairlead ps -a hello | grep -q 'run\.'; }
wait_until 20 "it is gone" gone
wait "$client" 2>/dev/null || true

note "detached"
assert_eq "$(fairlead run --detached --json -a hello sh -c 'echo from-detached $GREETING; sleep 1000' | jq -r .name)" run.1 "its name"
in_log() { fairlead logs -a hello --ps run.1 | grep -qF 'from-detached'; }
wait_until 20 "its output is in the log" in_log
fairlead run --detached -a hello sleep 1000 >/dev/null
fairlead run --detached -a hello sleep 1000 >/dev/null
refused 1 fairlead run -a hello true
assert_contains "$refusal" run_max_sessions "the refusal"
fairlead run:stop run.1 -a hello >/dev/null
fairlead run:stop run.2 -a hello >/dev/null
refused 1 fairlead run:stop run.9 -a hello
assert_contains "$(fairlead logs -a hello -n 200)" "run.1 started by admin" "the log"

note "a restart ends it"
stop_server
start_server
gone || fail "run.3 is still in ps"
assert_eq "$(fairlead run -a hello echo again)" again "after the restart"
