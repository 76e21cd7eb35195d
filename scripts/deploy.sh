#!/usr/bin/env bash
# Ships this work tree to a host and starts it there. Called by `make deploy`; DEPLOY.md says when and how.
#
#   SATRANK_HOST     where: user@host for ssh, or `local` for a folder on this machine        (required)
#   REMOTE_DIR       the folder there, absolute, at least two levels deep                      (required)
#   DEPLOY_SYNC_ONLY=1  only copies the files
#   FORCE=1             sends a work tree with uncommitted changes
#   ADOPT=1             accepts a target that holds files no deploy brought, and deletes those it would delete
#
# Three rules keep secrets and data safe, each checked on a dry run before anything is written:
#   1. nothing that .rsync-exclude names is sent, overwritten or deleted;
#   2. only files that git knows are sent;
#   3. only files that an earlier deploy brought are deleted.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
cd "$(dirname "$0")/.."

readonly EXCLUDES=.rsync-exclude
readonly STATE=.deployed
readonly MANIFEST="$STATE/files"

fail() {
  printf 'deploy: %s\n' "$*" >&2
  exit 1
}

check_arguments() {
  [[ -n "${SATRANK_HOST:-}" ]] || fail "SATRANK_HOST is not set (user@host, or local)"
  [[ -n "${REMOTE_DIR:-}" ]] || fail "REMOTE_DIR is not set"
  [[ "$SATRANK_HOST" =~ ^[A-Za-z0-9_][A-Za-z0-9._@-]*$ ]] || fail "SATRANK_HOST is not a host: $SATRANK_HOST"
  [[ "$REMOTE_DIR" =~ ^(/[A-Za-z0-9._-]+){2,}$ && ! "$REMOTE_DIR" =~ /\.\.?(/|$) ]] ||
    fail "REMOTE_DIR must be absolute and at least two levels deep: $REMOTE_DIR"
}

check_source() {
  [[ -f "$EXCLUDES" ]] || fail "$EXCLUDES is missing: without it a deploy could erase secrets. Nothing was done."
  grep -qEv '^[[:space:]]*(#|$)' "$EXCLUDES" || fail "$EXCLUDES names nothing. Nothing was done."
  command -v rsync >/dev/null || fail "rsync is not installed"
  git rev-parse --is-inside-work-tree >/dev/null 2>&1 || fail "not a git work tree: cannot tell source from secrets"
  if [[ -n "$(git status --porcelain)" && "${FORCE:-}" != 1 ]]; then
    git status --short >&2
    fail "uncommitted changes: commit them, or set FORCE=1"
  fi
}

# Runs a shell command on the target.
on_target() {
  if [[ "$SATRANK_HOST" == local ]]; then bash -c "$1"; else ssh -o BatchMode=yes "$SATRANK_HOST" "$1"; fi
}

# Copies the work tree, or with --dry-run says what it would do. Files arrive complete or not at all, and take their
# final names together at the end.
sync_files() {
  local target="$REMOTE_DIR/"
  [[ "$SATRANK_HOST" == local ]] || target="$SATRANK_HOST:$target"
  rsync --recursive --links --times --perms --chmod=Du=rwx,Dgo=rx,Fu=rwX,Fgo=rX --checksum \
    --delete --delete-delay --delay-updates \
    --exclude-from="$EXCLUDES" --out-format='%i %n' "$@" ./ "$target"
}

# The scratch folder of one run.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Every file git knows, the new ones of a forced deploy included; without those it ignores.
list_source() {
  git -c core.quotePath=false ls-files --cached --others --exclude-standard | LC_ALL=C sort -u >"$work/known"
}

list_changes() {
  sync_files --dry-run >"$work/plan"
  sed -n 's/^\*deleting   //p' "$work/plan" | LC_ALL=C sort >"$work/deleted"
  on_target "cat '$REMOTE_DIR/$MANIFEST' 2>/dev/null || true" | LC_ALL=C sort >"$work/brought"
  sed -nE 's/^[<>c][fLDS][^ ]* //p' "$work/plan" | LC_ALL=C sort >"$work/sent"
}

check_sent() {
  LC_ALL=C comm -23 "$work/sent" "$work/known" >"$work/strangers"
  [[ -s "$work/strangers" ]] || return 0
  cat "$work/strangers" >&2
  fail "these files are not known to git and would be sent: add them to $EXCLUDES, or to git. Nothing was done."
}

check_deleted() {
  [[ -s "$work/deleted" ]] || return 0
  # A folder may go when an earlier deploy brought something inside it.
  awk '{ print; path = $0; while (sub("/[^/]*$", "", path)) print path "/" }' "$work/brought" |
    LC_ALL=C sort -u >"$work/ours"
  LC_ALL=C comm -23 "$work/deleted" "$work/ours" >"$work/foreign"
  [[ -s "$work/foreign" && "${ADOPT:-}" != 1 ]] || return 0
  cat "$work/foreign" >&2
  fail "no deploy brought these, and this one would delete them: move them out of $REMOTE_DIR, name them in" \
    "$EXCLUDES, or set ADOPT=1 to let them go. Nothing was done."
}

print_plan() {
  printf 'deploy: %s -> %s:%s\n' "$revision" "$SATRANK_HOST" "$REMOTE_DIR"
  printf 'deploy: %d files to send, %d to delete\n' "$(wc -l <"$work/sent")" "$(wc -l <"$work/deleted")"
  sed 's/^/  - /' "$work/deleted"
}

# Notes which files deploys brought: from standard input, whole or not at all.
record() {
  local manifest="$REMOTE_DIR/$MANIFEST"
  on_target "mkdir -p '$REMOTE_DIR/$STATE' && cat >'$manifest.new' && mv '$manifest.new' '$manifest'"
}

copy() {
  # Both the old and the new files first: a deploy that is cut short must not forget what it brought.
  LC_ALL=C sort -u "$work/brought" "$work/known" | record
  sync_files >/dev/null
  record <"$work/known"
  on_target "printf '%s\n' '$revision' >'$REMOTE_DIR/$STATE/revision'"
}

start_services() {
  on_target "'$REMOTE_DIR/scripts/start-services.sh'" ||
    fail "the files are in place, but the services did not become healthy: see 'Roll back' in DEPLOY.md"
}

main() {
  check_arguments
  check_source
  revision=$(git rev-parse --short=12 HEAD)
  [[ -z "$(git status --porcelain)" ]] || revision="$revision-dirty"
  list_source
  on_target "mkdir -p '$REMOTE_DIR'"
  list_changes
  check_sent
  check_deleted
  print_plan
  copy
  [[ "${DEPLOY_SYNC_ONLY:-}" == 1 ]] || start_services
  printf 'deploy: done\n'
}

main "$@"
