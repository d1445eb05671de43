#!/usr/bin/env bash
# A stack comes from images that lie elsewhere: an OCI layout and a registry. What is no image is refused in one sentence.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

layers_of() { skopeo inspect --tls-verify=false --raw "docker://$http_address/stacks/$1" | jq -c '[.layers[].digest]'; }
import_files() { find "$data/run/imports" -mindepth 1 2>/dev/null || true; }

start_server

note "from an OCI layout and from a registry's port"
skopeo copy --quiet --src-tls-verify=false "docker://$http_address/stacks/debian-12:run" "oci:$work/layout:run"
fairlead stacks:import copy --run "oci:$work/layout:run" --build "$http_address/stacks/debian-12:build"
for image in run build; do
  assert_eq "$(layers_of "copy:$image" | jq -c '.[:-1]')" "$(layers_of "debian-12:$image")" "layers of the $image image"
done
assert_eq "$(import_files)" "" "files left by the import"

note "an app on it"
fairlead apps:create hello --stack copy >/dev/null
new_repository hello
write_web_app hello one
commit hello "First"
push hello
assert_contains "$(page hello)" "page=one" "page"
assert_eq "$(fairlead releases:info -a hello --json | jq -r .stack)" copy "stack"

note "the same once more is no news"
assert_contains "$(fairlead stacks:import copy --run "oci:$work/layout:run" --build "$http_address/stacks/debian-12:build")" "nothing to rebase" "answer"
assert_contains "$(fairlead rebase copy --plan)" "Nothing to rebase" "plan"

note "what cannot be imported"
refused 1 fairlead stacks:import other --run "$http_address/stacks/absent:run" --build "$http_address/stacks/debian-12:build"
assert_contains "$refusal" "check its name and its tag" "answer"
assert_eq "$(grep -c '^fairlead: ' <<<"$refusal")" 1 "sentences"
refused 1 fairlead stacks:import other --run "--help" --build x
refused 1 fairlead stacks:import other --run "oci:$work/nothing:run" --build x
refused 1 ssh_git stacks:import other --run "oci:$work/layout:run" --build "oci:$work/layout:run"
assert_contains "$refusal" "on the server's own machine only" "answer"
blob=$(jq -r '.manifests[0].digest' "$work/layout/index.json")
printf x | dd of="$work/layout/blobs/sha256/${blob#sha256:}" bs=1 seek=1 conv=notrunc status=none
refused 1 fairlead stacks:import other --run "oci:$work/layout:run" --build "$http_address/stacks/debian-12:build"
assert_lacks "$(fairlead stacks)" other "stacks"
