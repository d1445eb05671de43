# shellcheck shell=bash
# Lines as people know them from Heroku.

step() { echo "-----> $*"; }
detail() { echo "       $*"; }
warn() { echo " !     $*"; }
fail() {
  warn "$*"
  exit 1
}
indent() { sed -u 's/^/       /'; }
