#!/usr/bin/env bash
# require.sh TEST PACKAGE: sees to it that the shell command TEST succeeds, installing PACKAGE where
# it may (apt as root or with a password-less sudo, Homebrew). Otherwise says what to install, and
# fails.
set -u
test=$1
package=$2

works() { bash -c "$test" >/dev/null 2>&1 </dev/null; }
works && exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT
root=""
[ "$(id -u)" = 0 ] || root="sudo -n"
install() { $root apt-get install -y --no-install-recommends "$package"; }
if command -v apt-get >/dev/null && { [ -z "$root" ] || $root true 2>/dev/null; }; then
    echo "Installing $package (apt)"
    { install || { $root apt-get update && install; }; } >"$log" 2>&1 </dev/null
elif command -v brew >/dev/null; then
    echo "Installing $package (brew)"
    brew install "$package" >"$log" 2>&1 </dev/null
fi
works && exit 0

tail -n 3 "$log" >&2
echo "The package $package is needed, and could not be installed from here." >&2
echo "Install it yourself: apt install $package (Debian, Ubuntu) or brew install $package (Mac)." >&2
exit 1
