#!/bin/bash
# Runs inside a build and inside an app, and tells what it can do there, a NAME=RESULT a line. isolation.sh puts the places of the host in:
# DATA (data folder), SECRET (a file that all on the host may read), HTTP and SSH (ports of the daemon), PID (the daemon's), OTHER and PORT
# (where another app listens), HOST (an address of the host).
exec 2>&1

# What it attempts would change a machine where it works: never as a root that may be the real one.
if [[ $(id -u) == 0 || $(tr -s ' ' </proc/self/uid_map) == " 0 0 4294967295" ]]; then
  echo "not in a container: nothing was attempted"
  exit 1
fi
data=@DATA@ secret=@SECRET@ http=@HTTP@ ssh=@SSH@ pid=@PID@ other=@OTHER@ port=@PORT@ host=@HOST@

attempt() {
  local name=$1
  shift
  if timeout 5 "$@" >/dev/null 2>&1; then echo "$name=worked"; else echo "$name=refused"; fi
}

connect() { attempt "$1" bash -c "exec 3<>/dev/tcp/$2/$3"; }

echo "uid=$(id -u)"
echo "uid-map=$(tr -s ' ' </proc/self/uid_map | paste -sd'|')"
grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\t ' | tr : =
echo "processes=$(cat /proc/[0-9]*/cmdline | tr '\0' ' ')"
echo "devices=$(cd /dev && find . -type b | paste -sd' ')"

attempt see-own-files ls /app
attempt list-data-folder ls "$data"
attempt read-secret cat "$secret"
attempt list-caches ls "$data/cache"
attempt list-builds ls "$data/run/builds"
attempt see-daemon-socket test -S "$data/fairlead.sock"
attempt signal-daemon bash -c "kill -0 $pid"
attempt read-shadow cat /etc/shadow
attempt write-root touch /written
attempt write-etc touch /etc/written
attempt become-root setpriv --reuid 0 true
attempt mount-tmpfs mount -t tmpfs none /mnt
attempt mount-proc mount -t proc none /mnt
attempt bind-mount mount --bind /etc /mnt
attempt remount-root mount -o remount,rw /
attempt new-user-namespace unshare -U true
attempt mount-in-new-namespace unshare -Urm mount -t tmpfs none /mnt
attempt make-device mknod /tmp/disk b 254 0
attempt make-char-device mknod /tmp/mem c 1 1
attempt chroot chroot / true
attempt set-hostname bash -c 'echo owned >/proc/sys/kernel/hostname'
attempt write-core-pattern bash -c 'echo "|/bin/true" >/proc/sys/kernel/core_pattern'
attempt write-sysrq bash -c 'echo h >/proc/sysrq-trigger'
attempt write-sys bash -c 'echo mem >/sys/power/state'
# shellcheck disable=SC2016 # for the inner shell
attempt write-cgroup bash -c 'echo 1 >$(find /sys/fs/cgroup -name cgroup.procs | head -n 1)'
attempt read-kernel-memory head -c 1 /proc/kcore
attempt read-kernel-log dmesg
attempt open-raw-socket ping -c 1 127.0.0.1

# system NAME NUMBER ARGUMENTS: a system call (of x86-64) by its number; "buffer" is one of zeros.
system() {
  local name=$1
  shift
  # shellcheck disable=SC2016 # for perl
  attempt "$name" perl -e 'my $b = "\0" x 256; my $n = shift; exit(syscall($n, map { $_ eq "buffer" ? $b : $_ + 0 } @ARGV) < 0)' "$@"
}
if [[ $(uname -m) == x86_64 ]] && command -v perl >/dev/null; then
  echo "own-calls=$(perl -e 'print syscall(39) > 0 ? "worked" : "refused"')"
  system raw-socket 41 2 3 1
  system packet-socket 41 17 3 768
  system vsock-socket 41 40 1 0
  system alg-socket 41 38 5 0
  system keyring 250 0 -3 0
  system add-key 248 buffer buffer buffer 1 -3
  system bpf 321 0 buffer 128
  system perf-event 298 buffer 0 -1 -1 0
  system userfaultfd 323 0
  system io-uring 425 8 buffer
  system open-by-handle 304 -100 buffer 0
  system new-mount-api 430 buffer 0
  system open-tree 428 -100 buffer 1
  system unshare-user 272 268435456
  system unshare-network 272 1073741824
  system clone3 435 buffer 88
  system setns 308 0 0
  system swapon 167 buffer 0
  system kexec 246 0 0 buffer 0
  system load-module 313 0 buffer 0
  system settime 227 0 buffer
  system ptrace-daemon 101 16 "$pid" 0 0
fi

gateway=$(while read -r _ destination hex _; do
  [[ $destination != 00000000 ]] || printf '%d.%d.%d.%d' "0x${hex:6:2}" "0x${hex:4:2}" "0x${hex:2:2}" "0x${hex:0:2}"
done </proc/net/route)
echo "gateway=$gateway"
connect daemon-http-on-loopback 127.0.0.1 "$http"
connect daemon-ssh-on-loopback 127.0.0.1 "$ssh"
connect daemon-http-on-gateway "$gateway" "$http"
connect daemon-ssh-on-gateway "$gateway" "$ssh"
connect service-on-host "$host" "$http"
connect another-app "$other" "$port"
connect metadata 169.254.169.254 80
connect metadata-azure 168.63.129.16 80
connect metadata-alibaba 100.100.100.200 80
echo "build-folders=$(ls -d /tmp/build_* 2>/dev/null | wc -l)"
