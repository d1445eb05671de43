#!/usr/bin/env bash
# Volumes: what processes write there outlives deploys, restarts and the server; one-off commands have it, too; it goes with the app, and nothing
# leads out of it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

echo "volume_folders = $work/media" >>"$work/fairlead.conf"
start_server
new_app hello
write_web_app hello one
# shellcheck disable=SC2016 # for the app's shell
printf '#!/bin/sh\nmkdir -p /app/data && date +%%N >>/app/data/lines && wc -l </app/data/lines\n' >"$work/hello/note"
chmod 755 "$work/hello/note"
commit hello "First"
push hello
lines() { page hello '/run?note' | tr -d ' \n'; }
assert_eq "$(lines)" 1 "lines"
fairlead ps:restart -a hello >/dev/null
assert_eq "$(lines)" 1 "without a volume nothing is kept: lines"

note "a volume"
start_load hello
fairlead volumes:add data:/app/data -a hello
stop_load
assert_eq "$(lines)" 1 "lines"
assert_eq "$(lines)" 2 "lines"
fairlead ps:restart -a hello >/dev/null
assert_eq "$(lines)" 3 "lines after a restart"
write_web_app hello two
commit hello "Second"
push hello
assert_eq "$(lines)" 4 "lines after a deploy"
assert_eq "$(fairlead run -a hello -- wc -l /app/data/lines </dev/null | tr -dc 0-9)" 4 "lines as a one-off command sees them"
stop_server
start_server
assert_eq "$(lines)" 5 "lines after a restart of the server"
fairlead apps:rename moved -a hello >/dev/null
assert_eq "$(page moved '/run?note' | tr -d ' \n')" 6 "lines under another name"
fairlead apps:rename hello -a moved >/dev/null
fairlead volumes -a hello

note "read only, and an operator's own folder"
mkdir -p "$work/media"
echo picture >"$work/media/one"
chmod 755 "$work/media"
fairlead volumes:add media:/media --from "$work/media" --read-only -a hello >/dev/null
assert_eq "$(fairlead run -a hello -- cat /media/one </dev/null)" picture "the operator's file"
refused any fairlead run -a hello -- touch /media/two </dev/null
[[ ! -e $work/media/two ]] || fail "the folder was written to"

note "a folder that the settings do not name"
mkdir -p "$work/private"
ln -s "$work/private" "$work/media/link"
for folder in "$work/private" "$work/media/link" /etc; do
  refused 1 fairlead volumes:add private:/private --from "$folder" -a hello
  assert_contains "$refusal" "volume_folders" "answer"
done
rm "$work/media/link"

note "no device files, no way out by a symlink"
refused any fairlead run -a hello -- mknod /app/data/null c 1 3 </dev/null
fairlead run -a hello -- ln -s / /app/data/root </dev/null
echo "the host's secret" >"$work/secret"
refused any fairlead run -a hello -- cat "/app/data/root$work/secret" </dev/null

note "what goes"
refused any fairlead volumes:remove data -a hello
folder=$(find "$data/volumes" -mindepth 2 -maxdepth 2 -name data)
[[ -f $folder/lines ]] || fail "the volume is not where it is said to be"
fairlead volumes:remove data --confirm data -a hello
[[ ! -e $folder ]] || fail "the volume is still there"
assert_eq "$(lines)" 1 "lines"
fairlead volumes:add other:/other -a hello >/dev/null
fairlead apps:destroy -a hello --confirm hello >/dev/null
assert_eq "$(find "$data/volumes" -mindepth 1 | wc -l)" 0 "volumes that are left"
[[ -f $work/media/one ]] || fail "the operator's folder went with the app"
