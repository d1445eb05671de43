#!/usr/bin/env bash
# Config values lie sealed in the database, are masked in what builds and apps print, go to builds, processes or both, and come and go as .env
# files; the key can be changed, and without it the server says what is missing.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

secret='correct-horse-battery'
# shellcheck disable=SC2016 # for the buildpack's shell
make_buildpack leaky 'for each in PASSWORD ONLY_BUILD ONLY_RUN; do
  if [ -f "$3/$each" ]; then echo "$each is $(cat "$3/$each")"; else echo "$each is not here"; fi
done
printf "late corr"; sleep 0.3; printf "ect-horse-battery\n"'
start_server
deploy_web_app hello one
fairlead config:set -a hello PASSWORD="$secret" >/dev/null

note "nothing of it is in the database"
database_holds() { grep -qaF -- "$1" "$data/fairlead.db" "$data/fairlead.db-wal"; }
database_holds PASSWORD || fail "the name should be in the database"
! database_holds "$secret" || fail "the value is in the database"
assert_eq "$(stat -c %a "$data/keys/config_keys")" 600 "mode of the key"
key=$(cut -d ' ' -f 2 "$data/keys/config_keys")
! grep -qF "$key" "$server_log" || fail "the key is in the server's log"

note "scopes"
fairlead config:set -a hello ONLY_RUN=run-value ONLY_RUN2=x --scope run >/dev/null
fairlead config:set -a hello ONLY_BUILD=build-value --scope build >/dev/null
assert_eq "$(page hello /env/ONLY_RUN)" run-value "ONLY_RUN in the app"
assert_eq "$(page hello /env/ONLY_BUILD)" "" "ONLY_BUILD in the app"
assert_contains "$(fairlead config -a hello)" "(build only)" "config"
version=$(current_version hello)
skopeo inspect --tls-verify=false --config "docker://$http_address/hello:v$version" >"$work/tmp/image"
jq -e '.config.Env | index("ONLY_RUN=run-value")' "$work/tmp/image" >/dev/null || fail "ONLY_RUN is not in the image"
! grep -q ONLY_BUILD "$work/tmp/image" || fail "ONLY_BUILD is in the image"

note ".env"
fairlead config:export -a hello >"$work/tmp/env"
(set -a && . "$work/tmp/env" && [[ $PASSWORD == "$secret" && $ONLY_RUN == run-value ]]) || fail "bash reads another environment"
printf '# comment\nexport IMPORTED="two\\nlines"\nGREETING=hi # there\n' >"$work/tmp/import"
before=$(current_version hello)
fairlead config:import "$work/tmp/import" -a hello >/dev/null
fairlead config:import - -a hello <<<"THIRD='three words'" >/dev/null
assert_eq "$(fairlead config:get IMPORTED -a hello)" $'two\nlines' "IMPORTED"
assert_eq "$(fairlead config:get THIRD -a hello)" "three words" "THIRD"
assert_eq "$(current_version hello)" $((before + 2)) "one release for each import"
refused 1 fairlead config:import - -a hello
refused 1 fairlead config:set -a hello A=b --scope never
refused 1 fairlead config:set -a hello BIG="$(head -c 70000 /dev/zero | tr '\0' x)"
assert_contains "$refusal" config_max_bytes "the refusal"

note "masked in a build's output, its log, its failure and in logs"
new_app leaky
fairlead config:set -a leaky PASSWORD="$secret" BUILDPACK_URL=leaky >/dev/null
fairlead config:set -a leaky ONLY_BUILD=build-value --scope build >/dev/null
fairlead config:set -a leaky ONLY_RUN=run-value --scope run >/dev/null
write_web_app leaky one
printf 'web: ./web\nteller: echo "I know $PASSWORD and $ONLY_RUN"; exec sleep 1000\n' >"$work/leaky/Procfile"
commit leaky "First"
push leaky
assert_contains "$transcript" "PASSWORD is [PASSWORD]" "transcript"
assert_contains "$transcript" "ONLY_BUILD is [ONLY_BUILD]" "transcript"
assert_contains "$transcript" "ONLY_RUN is not here" "transcript"
assert_contains "$transcript" "late [PASSWORD]" "transcript"
assert_lacks "$transcript" "$secret" "transcript"
assert_lacks "$(cat "$data"/logs/builds/leaky/*.log)" "$secret" "the build's log"
fairlead ps:scale teller=1 -a leaky >/dev/null
knows() { fairlead logs -a leaky --ps teller | grep -qF 'I know [PASSWORD] and [ONLY_RUN]'; }
wait_until 20 "the app says what it knows" knows
assert_lacks "$(fairlead logs -a leaky -n 1000)" "$secret" "logs"

note "a new key, while the app serves; drains have it, too"
drain=https://user:drain-password@192.0.2.1/in
fairlead drains:add "$drain" -a hello >/dev/null
! database_holds drain-password || fail "the drain's password is in the database"
start_load hello
fairlead config:rotate-key >/dev/null
stop_load
! database_holds drain-password || fail "the drain's password is in the database"
assert_eq "$(fairlead config:get PASSWORD -a hello)" "$secret" "PASSWORD"
assert_eq "$(wc -l <"$data/keys/config_keys")" 2 "the new key and the one before"

note "without the key"
stop_server
mv "$data/keys/config_keys" "$work/tmp/keys"
status=0
"$FAIRLEAD" serve --data "$data" --config "$work/fairlead.conf" --ssh-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --router-listen 127.0.0.1:0 >"$work/tmp/refused" 2>&1 </dev/null || status=$?
((status != 0)) || fail "it started without the key"
assert_contains "$(cat "$work/tmp/refused")" "keys/config_keys" "what it says"
[[ ! -e $data/keys/config_keys ]] || fail "a key was made over the missing one"
mv "$work/tmp/keys" "$data/keys/config_keys"
start_server
assert_eq "$(fairlead config:get PASSWORD -a hello)" "$secret" "PASSWORD with its key"
fairlead drains:remove "$drain" -a hello >/dev/null
assert_eq "$(fairlead drains -a hello --json | jq length)" 0 "drains"
