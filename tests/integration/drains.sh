#!/usr/bin/env bash
# The lines of an app's log go to syslog receivers, over TCP and TLS, and to an HTTP receiver in batches; one that is away gets them later, and so
# does what is written while the server does not run; one that takes nothing slows nobody, and what the log holds no longer is counted and told.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# A receiver of each kind; each writes its port to a file, and what it gets to another.
cat >"$work/receiver.py" <<'PYTHON'
import http.server, os, socket, ssl, sys, threading
kind, port, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
out = open(folder + "/" + kind, "ab", buffering=0)
def ready(number):
    with open(folder + "/" + kind + ".port.new", "w") as file:
        file.write(str(number))
    os.rename(folder + "/" + kind + ".port.new", folder + "/" + kind + ".port")
if kind == "http":
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = "".join("%s: %s\n" % each for each in self.headers.items())
            out.write(b"POST " + self.path.encode() + b"\n" + head.encode() + b"\n" + body + b"\n")
            self.send_response(204)
            self.end_headers()
        def log_message(self, *ignored):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    ready(server.server_port)
    server.serve_forever()
listener = socket.create_server(("127.0.0.1", port))
ready(listener.getsockname()[1])
def serve(connection):
    try:
        if kind == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
            connection = context.wrap_socket(connection, server_side=True)
        while kind != "hanging":
            data = connection.recv(65536)
            if not data:
                return
            out.write(data)
        threading.Event().wait()
    except OSError:
        pass
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PYTHON
receivers=$work/receivers
mkdir "$receivers"
pids=()
# receive KIND [PORT]
receive() {
  rm -f "$receivers/$1.port"
  python3 "$work/receiver.py" "$1" "${2:-0}" "$receivers" &
  pids+=($!)
  wait_until 10 "the $1 receiver" test -e "$receivers/$1.port"
  port=$(cat "$receivers/$1.port")
}
story_cleanup() {
  for each in "${pids[@]}"; do [[ -z $each ]] || kill "$each" 2>/dev/null; done
}

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost' -keyout "$receivers/key.pem" -out "$receivers/cert.pem" 2>/dev/null
printf 'ca_bundle = %s\ndrains_max = 4\ndrains_local_receivers = allowed\napp_log_max_bytes = 2097152\n' "$receivers/cert.pem" >>"$work/fairlead.conf"
start_server
deploy_web_app hello one

receive tcp
tcp_port=$port
fairlead drains:add "syslog://127.0.0.1:$port" -a hello >/dev/null
receive tls
fairlead drains:add "syslog+tls://localhost:$port" -a hello >/dev/null
receive http
fairlead drains:add "http://user:secret@127.0.0.1:$port/in?x=1" -a hello >/dev/null
receive hanging
fairlead drains:add "syslog://127.0.0.1:$port" -a hello >/dev/null
refused 1 fairlead drains:add syslog://127.0.0.1:1 -a hello
assert_contains "$refusal" drains_max "the refusal"
refused 1 fairlead drains:add ftp://127.0.0.1/x -a hello
assert_lacks "$(fairlead drains -a hello)" secret "drains"
! grep -qaF -e user:secret -e /in?x=1 "$data/fairlead.db" "$data/fairlead.db-wal" || fail "a drain's URL is in the database"

note "each gets the lines"
sleep 0.5
fairlead run --detached -a hello echo 'a line for all' >/dev/null
for kind in tcp tls http; do
  wait_until 20 "the line at $kind" grep -qE 'app run[.]1 - (- )?a line for all' "$receivers/$kind"
done
token=$(fairlead drains -a hello --json | jq -r '.[0].token')
grep -aqE "^[0-9]+ <190>1 [0-9T:.+-]+ $token app run.1 - - a line for all\$" "$receivers/tcp" || fail "no RFC 5424 frame: $(cat "$receivers/tcp")"
grep -aqE "^[0-9]+ <190>1 [0-9T:.+-]+ host app run.1 - a line for all\$" "$receivers/http" || fail "no logplex frame: $(cat "$receivers/http")"
for head in 'POST /in?x=1' 'Content-Type: application/logplex-1' 'Logplex-Msg-Count: ' 'Logplex-Frame-Id: ' 'Logplex-Drain-Token: d.' 'Authorization: Basic dXNlcjpzZWNyZXQ='; do
  grep -aqF "$head" "$receivers/http" || fail "the POST lacks $head"
done

note "one that is away gets them later"
kill "${pids[0]}"
wait "${pids[0]}" 2>/dev/null || true
fairlead run --detached -a hello echo 'while it was away 1' >/dev/null
fails() { [[ $(fairlead drains -a hello --json | jq -r '.[0].failure') != "" ]]; }
sleep 1
fairlead run --detached -a hello echo 'while it was away 2' >/dev/null
wait_until 20 "the failure is shown" fails
receive tcp "$tcp_port"
wait_until 40 "the line that waited" grep -q 'while it was away 2' "$receivers/tcp"

note "one that takes nothing slows nobody, and what is dropped is told"
fairlead run --detached -a hello sh -c 'i=0; while [ $i -lt 400 ]; do head -c 15000 /dev/urandom | od -An -v -tx1 -w15000; i=$((i+1)); done; echo the last line' >/dev/null
wait_until 60 "the last line elsewhere" grep -q 'the last line' "$receivers/tcp"
waits() { (($(fairlead drains -a hello --json | jq '.[3].waiting') > 0)); }
wait_until 30 "lines wait for it" waits
kill "${pids[-1]}"
wait "${pids[-1]}" 2>/dev/null || true
hanging_port=$port
pids[-1]=
receive plain "$hanging_port"
dropped() { (($(fairlead drains -a hello --json | jq '.[3].dropped') > 0)); }
wait_until 120 "drops are counted" dropped
wait_until 60 "the last line there, too" grep -q 'the last line' "$receivers/plain"
wait_until 60 "the drops are told" grep -q 'lines were dropped' "$receivers/plain"

note "removed, and over a restart"
fairlead drains:remove "$(fairlead drains -a hello --json | jq -r '.[3].token')" -a hello >/dev/null
fairlead drains:remove "syslog://127.0.0.1:$tcp_port" -a hello >/dev/null
stop_server
start_server
sleep 1
fairlead run --detached -a hello echo 'after the restart' >/dev/null
wait_until 20 "the line after the restart" grep -q 'after the restart' "$receivers/http"
! grep -q 'after the restart' "$receivers/tcp" || fail "the removed drain got a line"

note "what is written while the server does not run comes later: each line once after a stop, and none is missing after a kill"
# shellcheck disable=SC2016 # for the app's shell
count_script='i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo "counted NAME $i"; sleep 0.02; done'
# over HOW: while a one-off process counts, the server goes in that way, and comes back
over() {
  fairlead run --detached -a hello sh -c "${count_script/NAME/$1}" >/dev/null
  wait_until 20 "the count begins" grep -q "counted $1 5\$" "$receivers/http"
  "$2"
  sleep 2
  start_server
  wait_until 60 "the count's end" grep -q "counted $1 400\$" "$receivers/http"
}
counted() { grep -ao "counted $1 [0-9]*\$" "$receivers/http" | cut -d' ' -f3; }
over stop stop_server
assert_eq "$(counted stop | tr '\n' ' ')" "$(seq 400 | tr '\n' ' ')" "what came over a stop"
over kill kill9_server
assert_eq "$(counted kill | sort -nu | tr '\n' ' ')" "$(seq 400 | tr '\n' ' ')" "what came over a kill"
