#!/usr/bin/env bash
# `heroku run` of the program from npm, attached: by TLS to rendezvous_listen, with input, environment, exit code, a terminal, and an end when its client
# leaves.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/support/heroku.sh
. "$ROOT/tests/integration/support/heroku.sh"

install_heroku
mkdir "$work/tree"
echo "rendezvous_listen = 127.0.0.1:0" >>"$work/fairlead.conf"
start_server
use_heroku
export NODE_EXTRA_CA_CERTS=$data/keys/rendezvous.pem
deploy_web_app hello one
fairlead config:set "GREETING=two words" -a hello >/dev/null
one_off() { fairlead ps -a hello --json | jq -r '.[] | select(.type == "run").name'; }
no_one_off() { [[ -z $(one_off) ]]; }

# attached STDIN WORDS...: heroku WORDS with this input; what the process said alone.
attached() {
  local input=$1
  shift
  (cd "$work/tree" && printf '%s' "$input" | timeout 90 "${heroku_as[@]}" "$@" 2>"$work/attached.err")
}
# shellcheck disable=SC2016
assert_eq "$(attached '' run 'echo $GREETING' -a hello)" "two words" "heroku run echo"
# shellcheck disable=SC2016
assert_eq "$(attached '' run --env 'A=from here' 'echo $A; test -t 0 || echo no terminal' -a hello)" $'from here\nno terminal' "heroku run --env"
assert_eq "$(attached $'b\na\n' run sort -a hello)" $'a\nb' "heroku run sort, with input"
status=0
attached '' run --exit-code 'sh -c "exit 3"' -a hello >"$work/attached.out" || status=$?
assert_eq "$status" 3 "heroku run --exit-code: $(cat "$work/attached.err")"
assert_eq "$(attached '' run --exit-code true -a hello)" "" "heroku run --exit-code true"
# In a terminal of its own, as a user has it.
cat >"$work/terminal.py" <<'END'
import fcntl, os, pty, select, struct, sys, termios, time

pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
deadline = time.time() + 90
while time.time() < deadline:
    if not select.select([terminal], [], [], 1)[0]:
        continue
    try:
        said = os.read(terminal, 4096)
    except OSError:  # the program has ended
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    sys.stdout.buffer.write(said)
    sys.stdout.flush()
os.kill(pid, 9)
sys.exit("it did not end")
END
(cd "$work/tree" && TERM=xterm python3 "$work/terminal.py" "${heroku_as[@]}" run 'stty size; test -t 1 && echo on a terminal' -a hello >"$work/screen") || fail "heroku run at a terminal: $(cat "$work/screen")"
assert_contains "$(cat "$work/screen")" "30 100" "the terminal's size"
assert_contains "$(cat "$work/screen")" "on a terminal" "the terminal"
wait_until 20 "they have ended" no_one_off
note "who leaves ends what runs"
(cd "$work/tree" && exec "${heroku_as[@]}" run 'echo begun; sleep 1000' -a hello >"$work/left.out" 2>&1 </dev/null) &
leaving=$!
wait_until 60 "it has begun" grep -q begun "$work/left.out"
[[ $(one_off) == run.[1-9]* ]] || fail "the attached process is not in ps"
kill -KILL "$leaving"
wait_until 60 "it has ended" no_one_off
note "the port alone opens nothing"
rendezvous=$(ready_field rendezvous)
assert_eq "$(printf '00000000000000000000000000000000\r\n' | openssl s_client -quiet -connect "$rendezvous" -CAfile "$data/keys/rendezvous.pem" -verify_return_error 2>/dev/null)" "" "an unknown secret"
