#!/usr/bin/env bash
# Ten thousand connections that say nothing, and some that say a byte now and then: who asks is answered all the same, and the daemon's memory stays flat.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

(($(ulimit -n) > 12000)) || ulimit -n 12000 2>/dev/null || skip "too few files may be open here: ulimit -n"
start_server
token=$(fairlead tokens:create --json | jq -r .token)

# Opens them, tells so by a file, and goes when the file goes.
cat >"$work/idle.py" <<'PYTHON'
import os, socket, sys, time
port, mark = int(sys.argv[1]), sys.argv[2]
connections = []
for number in range(10000):
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        if number % 10 == 0:
            connection.sendall(b"GET /apps HTTP/1.1\r\nHost: x\r\nX-A: ")
        connections.append(connection)
    except OSError:
        pass
with open(mark + ".new", "w") as file:
    file.write(str(len(connections)))
os.rename(mark + ".new", mark)
while os.path.exists(mark):
    for connection in connections[::100]:
        try:
            connection.send(b"a", socket.MSG_DONTWAIT)
        except OSError:
            pass
    time.sleep(0.5)
PYTHON

memory_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$server_pid/status"; }
ask() { curl -sS --max-time 20 -o /dev/null -w '%{http_code} %{time_total}\n' -H "Authorization: Bearer $token" "http://$http_address/apps"; }

for _ in 1 2 3 4 5; do ask >/dev/null; done
before=$(memory_kib)
python3 "$work/idle.py" "${http_address##*:}" "$work/idle.mark" &
idle_pid=$!
story_cleanup() { kill "$idle_pid" 2>/dev/null || true; }
wait_until 120 "the connections are open" test -e "$work/idle.mark"
assert_eq "$(cat "$work/idle.mark")" 10000 "connections that were taken"
for _ in 1 2 3 4 5; do
  answer=$(ask)
  assert_eq "${answer%% *}" 200 "an answer beside them"
  note "answered in ${answer##* } s"
done
grown=$(($(memory_kib) - before))
note "memory: $before KiB, and $grown KiB more with the connections"
((grown < 65536)) || fail "the daemon grew by $grown KiB"
rm "$work/idle.mark"
wait "$idle_pid"
assert_eq "$(ask | cut -d' ' -f1)" 200 "an answer after them"
