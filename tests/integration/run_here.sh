#!/usr/bin/env bash
# fairlead run over the socket and over HTTP, as over SSH: input, a terminal with its size and Ctrl-C, exit codes, bytes as they are; and
# config:import through each door.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
deploy_web_app hello one
token=$(fairlead tokens:create --json | jq -r .token)
over_http() { FAIRLEAD_URL=http://$http_address FAIRLEAD_TOKEN=$token "$FAIRLEAD" "$@"; }

head -c 300000 /dev/urandom >"$work/bytes"
for door in fairlead over_http; do
  note "$door: streams"
  status=0
  $door run -a hello -- sh -c 'exit 7' </dev/null || status=$?
  assert_eq "$status" 7 "exit code"
  $door run cat -a hello <"$work/bytes" >"$work/back"
  cmp "$work/bytes" "$work/back" || fail "bytes are not what they were"
  assert_eq "$(printf 'one\ntwo\n' | $door run -a hello -- wc -l | tr -d ' \r')" 2 "lines of the input"
done

note "a terminal"
cat >"$work/typist.py" <<'PY'
# Types into a terminal of 99 x 31 and shows what is on it: typist.py COMMAND... < lines "WAIT-FOR<TAB>TYPE"
import fcntl, os, pty, select, struct, sys, termios, time
steps = [line.rstrip("\n").split("\t") for line in sys.stdin]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 99, 0, 0))
seen, end = b"", time.time() + 40
while time.time() < end:
    if steps and steps[0][0].encode() in seen:
        typed = steps.pop(0)[1]
        if typed == "RESIZE":  # and no prompt follows
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 120, 0, 0))
        else:
            seen = b""
            os.write(fd, typed.encode().decode("unicode_escape").encode("latin1"))
    if select.select([fd], [], [], 0.2)[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
        os.write(1, data)
if time.time() >= end:
    os.kill(pid, 9)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
PY
for door in "--data $data" ""; do
  status=0
  # shellcheck disable=SC2086 # two words, or none
  screen=$(printf '%s\n' $'$\tstty size; tty\\r' $'31 99\tprintf "%s%s\\\\n" he re; sleep 100\\r' $'here\t\\x03' $'$\tRESIZE' $'$\tsleep 1; stty size; exit 5\\r' |
    { if [[ -z $door ]]; then export FAIRLEAD_URL=http://$http_address FAIRLEAD_TOKEN=$token; fi
      TERM=xterm python3 "$work/typist.py" "$FAIRLEAD" $door run -a hello -- env PS1='$ ' sh -i; }) || status=$?
  printf '%s\n' "$screen" | sed 's/^/  | /'
  assert_eq "$status" 5 "exit code of a terminal's session"
  assert_contains "$screen" "31 99" "the terminal's size"
  assert_contains "$screen" "41 120" "its new size"
done

note "config:import through each door"
printf 'A=1\nB="two words"\n' >"$work/.env"
fairlead config:import "$work/.env" -a hello >/dev/null
over_http config:import - -a hello <<<'C=3' >/dev/null
ssh_git config:import - -a hello <<<'D=4' >/dev/null
assert_eq "$(fairlead config:export -a hello | grep -c '^[ABCD]=')" 4 "imported variables"
assert_eq "$(fairlead config:get B -a hello)" "two words"
