#!/usr/bin/env bash
# Builds that mean harm or go wrong: each ends as promised (a clear sentence, or success when it only tried), leaves no process, container,
# cgroup or folder behind, and the next push works. HOSTILE_LINKS (default 300000): how many hard links one of them makes.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# The buildpack runs the app's own harm.sh with BUILD CACHE ENV: what a hostile app would do by way of any buildpack.
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack harm 'exec bash "$1/harm.sh" "$@"'
cat >>"$work/fairlead.conf" <<TEXT
build_log_max_bytes = 2M
build_idle_timeout_s = 280
TEXT

containers() { find "$data/run/containers" -mindepth 1 -maxdepth 1 2>/dev/null; }
# Web processes stay: a build's container is named APP-bN-….
build_containers() { containers | grep -- '-b[0-9]*-' || true; }
build_cgroups() { find /sys/fs/cgroup -type d -name 'hello-b*' -path "*/fairlead-$seed/*" 2>/dev/null; }
build_mounts() { grep "fairlead-$seed/hello-b" /proc/self/mountinfo || true; }
marked_processes() { pgrep -f "harm[-]mark|hello/harm.sh|build_[0-9a-f]*/harm.sh" || true; }
nothing_of_builds() { [[ -z $(build_containers)$(build_cgroups)$(build_mounts)$(marked_processes) ]]; }
assert_clean() {
  wait_until 5 "nothing of the build is left: $(build_containers) $(build_cgroups) $(build_mounts) $(marked_processes)" nothing_of_builds
  local end=$((SECONDS + 60)) # what was made by the hundred thousand takes its time to go
  until [[ -z $(find "$data/run/builds" -mindepth 1 -maxdepth 2 ! -path "$data/run/builds/.trash" | head -n 1) ]]; do
    ((SECONDS < end)) || fail "left of the builds: $(find "$data/run/builds" -mindepth 1 -maxdepth 2 | head -n 5)"
    sleep 0.2
  done
}

# harm SCRIPT: the app's next commit does it.
harm() {
  printf '%s\n' "$1" >"$work/hello/harm.sh"
  commit hello "Harm"
}
# fails SENTENCE SCRIPT
fails() {
  harm "$2"
  if try_push hello HEAD:main >"$work/push.out"; then fail "the push went through: $(tail -n 20 "$work/push.out")"; fi
  tail -n 12 <<<"$transcript" | cut -c1-160 | sed 's/^/  | /'
  assert_contains "$transcript" "$1" "transcript"
  assert_clean
}
# passes SCRIPT
passes() {
  harm "$1"
  try_push hello HEAD:main >"$work/push.out" || fail "the push failed: $(tail -n 20 "$work/push.out")"
  assert_clean
}
limits() { fairlead limits:set "$@" -a hello >/dev/null; }
slug() {
  fairlead slugs:download -a hello -o "$work/tmp/slug.tgz" >/dev/null
  tar tvzf "$work/tmp/slug.tgz"
}

start_server
seed=$(printf '%s' "$(readlink -f "$data")/run" | sha256sum | cut -c1-8)
new_app hello
fairlead config:set -a hello BUILDPACK_URL=harm >/dev/null
write_web_app hello one
passes 'echo nothing'

note "symlinks out of the build folder and out of the cache"
echo "the host's secret" >"$work/secret"
chmod 755 "$work" && chmod 644 "$work/secret"
passes "ln -s '$work/secret' \$1/secret; ln -s ../../../../../../../.. \$1/up; ln -s / \$2/root; ln -s '$work' \$2/work; ln -s self \$1/self
  rm -rf \$2; ln -sfn /etc \$2; ln -sfn /etc \$1; echo tried"
slug >/dev/null
assert_lacks "$(tar xzOf "$work/tmp/slug.tgz" | tr -d "\0")" "the host's secret" "slug"
passes 'ls -ld $2/root >/dev/null; echo again'
[[ $(cat "$work/secret") == "the host's secret" ]] || fail "the host's file was changed"

note "what the build does to an own .git, to modes, names and special files"
# shellcheck disable=SC2016 # for the build
passes 'cd "$1"; mkdir -p sub/.git .git; touch sub/.git/HEAD .git/HEAD
  mkfifo fifo; mknod disk b 254 0 2>/dev/null; mknod null c 1 3 2>/dev/null
  perl -MSocket -e "socket(S,PF_UNIX,SOCK_STREAM,0); bind(S, sockaddr_un(q(socket)))"
  cp /bin/true setuid; chmod 6755 setuid
  touch -- "$(printf "new\nline")" "$(printf "\377\376")" "-rf" "a b"
  mkdir -p closed/in; echo kept >closed/in/file; chmod 000 closed/in closed
  mkdir -p "$2/closed"; echo kept >"$2/closed/file"; chmod 000 "$2/closed"'
listed=$(slug)
for name in fifo socket disk null; do assert_lacks "$listed" "./app/$name" "slug"; done
assert_lacks "$listed" "./app/.git" "slug"
assert_contains "$listed" "./app/closed/in/file" "slug"
assert_contains "$listed" 'new\nline' "slug"
assert_contains "$listed" '\377\376' "slug"
[[ $(grep ' ./app/setuid$' <<<"$listed") == -rwxr-xr-x* ]] || fail "setuid bits reached the slug: $(grep setuid <<<"$listed")"
passes 'echo next'

note "100,000 files"
# shellcheck disable=SC2016 # for the build
passes 'cd "$1"; perl -e "for my \$d (1..100) { mkdir qq(d\$d); for (1..1000) { open my \$f, q(>), qq(d\$d/f\$_); } }"'

note "hard links by the hundred thousand"
limits slug_max_files=200000
fails "more than 200000 files and folders (setting slug_max_files)" \
  "cd \$1; perl -e 'my \$n = ${HOSTILE_LINKS:-300000}; for my \$d (0 .. \$n / 50000) { mkdir qq(d\$d); open my \$f, q(>), qq(d\$d/0);
  for (1 .. 50000) { last if \$n-- < 1; link qq(d\$d/0), qq(d\$d/\$_) } }'"

note "a sparse file of 10 GiB"
# shellcheck disable=SC2016 # for the build
fails "expand to more than 4.0G (setting slug_max_expanded_bytes" 'truncate -s 10G "$1/sparse"'

note "10,000 folders deep, in the build folder and in the cache"
deep='perl -e "chdir shift; for (1..10000) { mkdir q(deeper); chdir q(deeper) or die }"'
fails "make folders less deep" "$deep \$1"
passes "$deep \$2; echo made"
# shellcheck disable=SC2016 # for the build
passes '[ -d "$2/deeper/deeper" ] && rm -rf "$2/deeper" && echo removed'
# shellcheck disable=SC2016 # for the build
passes '[ ! -e "$2/deeper" ] || exit 1'

note "the disk: by one file, by many, by none that has a name"
limits build_disk_bytes=300M
# shellcheck disable=SC2016 # for the build
fails "setting build_disk_bytes" 'exec dd if=/dev/zero of="$1/fill" bs=1M'
fails "setting build_disk_bytes" 'for n in $(seq 100); do dd if=/dev/zero of=/var/tmp/$n bs=1M count=100 status=none; done; sleep 30'
fails "setting build_disk_bytes" 'perl -e "for (1..60) { open \$f[\$_], q(>), qq(/tmp/\$_); unlink qq(/tmp/\$_); print {\$f[\$_]} q(x) x 20e6; } sleep 60"'
fairlead limits:unset build_disk_bytes -a hello >/dev/null

note "1 GB of output"
passes 'head -c 1000000000 /dev/zero | tr "\0" "x"; echo; echo still here >"$1/after"'
assert_contains "$(fairlead builds:output -a hello | tail -c 200)" "setting build_log_max_bytes" "log"
log_bytes=$(stat -c %s "$(find "$data/logs/builds/hello" -name '*.log' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)")
((log_bytes < 3 << 20)) || fail "the log has $log_bytes bytes"
assert_contains "$(slug)" "./app/after" "slug"

note "never ends; silent"
limits build_timeout_s=3
fails "took longer than 3 s (setting build_timeout_s)" 'while :; do echo on and on; sleep 0.5; done'
fairlead limits:unset build_timeout_s -a hello >/dev/null
limits build_idle_timeout_s=2
fails "printed nothing for 2 s (setting build_idle_timeout_s)" 'sleep 100'
fairlead limits:unset build_idle_timeout_s -a hello >/dev/null

note "forks without end"
limits build_pids=64 build_timeout_s=5
fails "setting build_timeout_s" 'bomb() { bomb 2>/dev/null | bomb 2>/dev/null & }; bomb 2>/dev/null; while :; do sleep 1; done'
fairlead limits:unset build_pids build_timeout_s -a hello >/dev/null

note "memory"
limits build_memory_bytes=64M
fails "ran out of memory: more than 64.0M (setting build_memory_bytes)" 'perl -e "my \$s = q(x) x 3e8; sleep 5"'
fairlead limits:unset build_memory_bytes -a hello >/dev/null

note "daemons that stay"
passes '(setsid bash -c "exec -a harm-mark sleep 1000" &) ; (setsid bash -c "trap \"\" TERM HUP; exec -a harm-mark sleep 1000" >/dev/null 2>&1 </dev/null &); echo left'

note "cancelled, and ignores it"
harm 'trap "" TERM INT HUP; (setsid bash -c "trap \"\" TERM; while :; do sleep 1; done" &); echo "-----> Waiting"; while :; do sleep 1; done'
git -C "$work/hello" push fairlead HEAD:main >"$work/push.log" 2>&1 </dev/null &
push_pid=$!
waits() { [[ $(fairlead builds:output -a hello 2>/dev/null) == *"-----> Waiting"* ]]; }
wait_until 30 "the build waits" waits
begin=$(date +%s%N)
fairlead builds:cancel -a hello
until nothing_of_builds && [[ $(fairlead builds -a hello --json | jq -r '.[0].state') == cancelled ]]; do
  (($(date +%s%N) - begin < 10000000000)) || fail "the cancelled build is still there: $(build_containers) $(marked_processes)"
done
note "gone after $((($(date +%s%N) - begin) / 1000000)) ms"
wait "$push_pid" && fail "the cancelled push succeeded"
assert_clean

note "and the next push works"
passes 'echo nothing'
assert_contains "$(page hello)" "page=one" "page"
