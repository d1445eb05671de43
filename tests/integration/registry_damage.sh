#!/usr/bin/env bash
# Files of blobs are flipped and cut while clients pull them: nobody takes wrong bytes for right ones, what is wrong is set aside, and a push heals
# it. A scrub tells what is damaged and where; a start goes on with what was found before a kill -9.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

story_cleanup() { stop_readers; }

digest_of() { printf 'sha256:%s' "$(sha256sum "$1" | cut -d ' ' -f 1)"; }
file_of() { printf '%s/blobs/sha256/%s/%s' "$data" "${1:7:2}" "${1#sha256:}"; }
status_of() { curl -s -I -o /dev/null -w '%{http_code}' "http://$http_address/v2/tools/x/blobs/$1"; }
gone() { [[ $(status_of "$1") == 404 ]]; }
push_blob() { # FILE
  local status
  status=$(curl -sS -u "me:$token" -X POST --data-binary "@$1" -H 'Content-Type: application/octet-stream' -o /dev/null -w '%{http_code}' \
    "http://$http_address/v2/tools/x/blobs/uploads/?digest=$(digest_of "$1")")
  assert_eq "$status" 201 "push of $1"
}
flip() { # FILE OFFSET
  local byte
  byte=$(od -An -tx1 -j "$2" -N 1 "$1")
  # shellcheck disable=SC2059 # the escape is the point
  printf "\\x$(printf %02x $((16#${byte// /} ^ 64)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# reader NUMBER DIGEST: pulls it without a pause, a part now and then, and tells of each that was wrong and came with success.
reader() {
  local number=$1 digest=$2 got="$work/reader.$1" round=0
  while [[ ! -e $work/stop ]]; do
    round=$((round + 1))
    if curl -sf -o "$got" "http://$http_address/v2/tools/x/blobs/$digest"; then
      if [[ $(digest_of "$got") == "$digest" ]]; then echo whole >>"$work/whole.$number"; else echo "$digest" >>"$work/wrong"; fi
    fi
    if ((round % 4 == 0)) && curl -sf -r 1000-1999 -o "$got" "http://$http_address/v2/tools/x/blobs/$digest"; then
      cmp -s "$got" <(tail -c +1001 "$work/${digest#sha256:}" | head -c 1000) || echo "part of $digest" >>"$work/wrong"
    fi
  done
}
image_reader() {
  while [[ ! -e $work/stop ]]; do
    rm -rf "$work/pulled"
    skopeo copy -q --src-tls-verify=false "docker://$http_address/tools/x:1" "dir:$work/pulled" 2>/dev/null && echo whole >>"$work/whole.image"
  done
  return 0
}
readers=()
stop_readers() {
  touch "$work/stop"
  ((${#readers[@]} == 0)) || wait "${readers[@]}" || true
  readers=()
}
pulled() { [[ $(cat "$work"/whole.* 2>/dev/null | wc -l) -ge $1 ]]; }

start_server
token=$(fairlead tokens:create)
blobs=()
for size in 5000 1000000 24000000; do
  head -c "$size" /dev/urandom >"$work/content"
  digest=$(digest_of "$work/content")
  mv "$work/content" "$work/${digest#sha256:}"
  push_blob "$work/${digest#sha256:}"
  blobs+=("$digest")
done
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/octet-stream","digest":"%s","size":5000},"layers":[{"mediaType":"application/octet-stream","digest":"%s","size":1000000},{"mediaType":"application/octet-stream","digest":"%s","size":24000000}]}' \
  "${blobs[@]}" >"$work/manifest"
assert_eq "$(curl -sS -u "me:$token" -X PUT --data-binary "@$work/manifest" -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' -o /dev/null \
  -w '%{http_code}' "http://$http_address/v2/tools/x/manifests/1")" 201 "put manifest"

note "damage while clients pull"
for number in 0 1 2; do
  reader "$number" "${blobs[number]}" &
  readers+=($!)
  reader "$number.again" "${blobs[number]}" &
  readers+=($!)
done
image_reader &
readers+=($!)
wait_until 30 "all are pulled" pulled 20
for round in 1 2 3 4; do
  for digest in "${blobs[@]}"; do
    file=$(file_of "$digest")
    if ((round % 2 == 1)); then flip "$file" "$((RANDOM % 5000))"; else truncate -s "$((RANDOM % 5000))" "$file"; fi
    # One who has begun may be the one who finds it; one who asks for its head may not yet know.
    wait_until 30 "the damage is found" gone "$digest"
    push_blob "$work/${digest#sha256:}"
  done
  wait_until 30 "all are pulled again" pulled "$((round * 20 + 20))"
done
stop_readers
[[ ! -e $work/wrong ]] || fail "wrong bytes with success: $(sort "$work/wrong" | uniq -c)"
assert_eq "$(grep -c another "$data/blobs/quarantine/journal" || true)" "$(grep -c 'damaged blob quarantined.*another' "$server_log" || true)" "lines of the journal and of the log"
assert_contains "$(curl -s "http://$http_address/metrics")" "fairlead_blobs_quarantined_total $(grep -c . "$data/blobs/quarantine/journal")" "metrics"

note "a scrub names what is damaged, and what to do"
fairlead registry:scrub --rate 1G >"$work/scrub"
assert_contains "$(cat "$work/scrub")" "all are right" "scrub"
flip "$(file_of "${blobs[1]}")" 77
rm "$(file_of "${blobs[2]}")"
refused 1 fairlead registry:scrub --rate 1G
assert_contains "$refusal" "blob ${blobs[1]} was damaged, and is quarantined" "scrub"
assert_contains "$refusal" "blob ${blobs[2]} is not here" "scrub"
assert_contains "$refusal" "in tools/x" "scrub"
assert_contains "$refusal" "push the image again" "scrub"
assert_eq "$(fairlead registry:scrub --rate 1G --json 2>/dev/null | jq -r '.damaged | length')" 2 "damaged"
refused 1 fairlead registry:scrub --rate lots

note "after a kill -9"
kill9_server
start_server
gone "${blobs[1]}" || fail "what was quarantined is back"
for digest in "${blobs[@]}"; do push_blob "$work/${digest#sha256:}"; done
rm -rf "$work/pulled"
skopeo copy -q --src-tls-verify=false "docker://$http_address/tools/x:1" "dir:$work/pulled"
fairlead registry:scrub --rate 1G | tail -n 1
