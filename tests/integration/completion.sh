#!/usr/bin/env bash
# The completions in real shells: commands, options and the apps' names, in zsh (both ways of loading) and fish. (bash: tests/unit/server/manual_test.cpp.)
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_server
fairlead apps:create hello >/dev/null
mkdir -p "$work/bin" "$work/site"
ln -s "$FAIRLEAD" "$work/bin/fairlead"
export PATH=$work/bin:$PATH FAIRLEAD_DATA=$data
"$FAIRLEAD" completion zsh >"$work/site/_fairlead"
"$FAIRLEAD" completion fish >"$work/fairlead.fish"

support=$ROOT/tests/integration/support
# in_zsh LINE: after a TAB, with the script where distributions keep such; by_eval LINE: with the script in .zshrc.
in_zsh() { python3 "$support/shell_completion.py" "$1" "fpath=('$work/site' \$fpath)" "autoload -Uz compinit && compinit -u -D"; }
by_eval() { python3 "$support/shell_completion.py" "$1" "autoload -Uz compinit && compinit -u -D" "source '$work/site/_fairlead'"; }

for shell in in_zsh by_eval; do
  assert_eq "$("$shell" "fairlead rollb")" "fairlead rollback " "a command ($shell)"
  assert_eq "$("$shell" "fairlead apps:cr")" "fairlead apps:create " "a command with a colon ($shell)"
  assert_eq "$("$shell" "fairlead --data $work rollb")" "fairlead --data $work rollback " "a command behind the folder ($shell)"
  assert_eq "$("$shell" "fairlead logs --tai")" "fairlead logs --tail " "an option ($shell)"
  assert_eq "$("$shell" "fairlead logs -a he")" "fairlead logs -a hello " "an app ($shell)"
done

in_fish() { fish --no-config -c "source '$work/fairlead.fish'; complete -C '$1'" | cut -f1 | paste -sd' '; }
assert_eq "$(in_fish "fairlead rollb")" "rollback" "a command (fish)"
assert_eq "$(in_fish "fairlead apps:cr")" "apps:create" "a command with a colon (fish)"
assert_eq "$(in_fish "fairlead logs --tai")" "--tail" "an option (fish)"
assert_eq "$(in_fish "fairlead logs -a he")" "hello" "an app (fish)"
