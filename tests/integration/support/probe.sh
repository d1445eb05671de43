#!/bin/bash
# Runs inside a build and inside an app, and tells what it can do there, a NAME=RESULT a line. isolation.sh puts the places of the host in:
# DATA (data folder), SECRET (a file that all on the host may read), HTTP and SSH (ports of the daemon), PID (the daemon's).
exec 2>&1

# What it attempts would change a machine where it works: never as a root that may be the real one.
if [[ $(id -u) == 0 || $(tr -s ' ' </proc/self/uid_map) == " 0 0 4294967295" ]]; then
  echo "not in a container: nothing was attempted"
  exit 1
fi
data=@DATA@ secret=@SECRET@ http=@HTTP@ ssh=@SSH@ pid=@PID@

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

gateway=$(while read -r _ destination hex _; do
  [[ $destination != 00000000 ]] || printf '%d.%d.%d.%d' "0x${hex:6:2}" "0x${hex:4:2}" "0x${hex:2:2}" "0x${hex:0:2}"
done </proc/net/route)
echo "gateway=$gateway"
connect daemon-http-on-loopback 127.0.0.1 "$http"
connect daemon-ssh-on-loopback 127.0.0.1 "$ssh"
connect daemon-http-on-gateway "$gateway" "$http"
connect daemon-ssh-on-gateway "$gateway" "$ssh"
