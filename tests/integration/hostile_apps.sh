#!/usr/bin/env bash
# Apps that mean harm: a fork bomb, one that eats memory, one that fills the disk, one that opens files without end. Each is held by its limits
# and named in ps or logs, while its neighbour and the server answer.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

log_has() { [[ $(fairlead logs -n 300 --source fairlead -a harm) == *"$1"* ]]; }
# quick COMMAND...: within 5 s, whatever else goes on.
quick() { timeout 5 "$@" >/dev/null || fail "no answer within 5 s: $*"; }
neighbours_serve() {
  for _ in 1 2 3 4 5; do
    [[ $(page good) == "$good" ]] || fail "the neighbour is not the process of before"
    quick "$FAIRLEAD" --data "$data" ps -a good
    quick curl -sSf "http://$http_address/healthz"
  done
}
# attack PROCFILE-LINE [SIZE...]: what the app's worker does from now on.
attack() {
  fairlead ps:scale worker=0 -a harm >/dev/null
  # Up first, so that it is one that runs, and no release that fails.
  printf 'web: ./web\nworker: sleep 3; %s\n' "$1" >"$work/harm/Procfile"
  commit harm "$1"
  try_push harm HEAD:main >"$work/push.out" || fail "$(tail -n 20 "$work/push.out")"
  fairlead ps:type "worker=default" -a harm >/dev/null
  [[ -z ${2:-} ]] || fairlead ps:type "worker=$2" -a harm >/dev/null
  fairlead ps:scale worker=1 -a harm >/dev/null
}
free_kib() { df --output=avail "$data" | tail -n 1; }

start_server
http_address=$(ready_field http)
deploy_web_app good one
good=$(page good)
deploy_web_app harm one

note "a fork bomb"
# shellcheck disable=SC2016 # for the app's shell
attack 'f() { f | f & }; f; while :; do sleep 1; f; done' 0.5cpu,200pids
wait_until 60 "the log names it" log_has "worker.1 has as many processes and threads as it may (200), and is refused more: fairlead ps:type worker=Npids allows more"
neighbours_serve

note "memory"
# shellcheck disable=SC2016 # for the app's shell
attack 'x=x; while :; do x=$x$x; done' 64M
wait_until 60 "the log names it" log_has "its memory of 64M"
neighbours_serve

note "the disk"
before=$(free_kib)
attack 'exec dd if=/dev/zero of=/app/big bs=1M' 100Mdisk
wait_until 60 "the log names it" log_has "worker.1 was killed: it wrote more than its disk of 100M (fairlead ps:type worker=SIZEdisk allows more)"
neighbours_serve
assert_contains "$(fairlead ps -a harm)" "wrote more than its disk of 100M" "ps"
attack 'exec 9>/app/big; rm /app/big; exec dd if=/dev/zero bs=1M >&9' 120Mdisk
wait_until 60 "the log names it although the file has no name" log_has "its disk of 120M"
fairlead ps:scale worker=0 -a harm >/dev/null
after=$(free_kib)
((before - after < 3000000)) || fail "of $before KiB free $after KiB are left"

note "open files"
# shellcheck disable=SC2016 # for the app's shell
attack 'ulimit -n $(ulimit -Hn); perl -e "while (1) { open(my \$f, q(<), q(/etc/passwd)) or sleep 1; push @f, \$f }"' 64M
neighbours_serve
wait_until 60 "it is held by its memory or its limit of files" fairlead ps -a harm
neighbours_serve

note "nothing is left"
fairlead apps:destroy -a harm --confirm harm >/dev/null
neighbours_serve
