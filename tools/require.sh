#!/usr/bin/env bash
# require.sh COMMAND PACKAGE: sees to it that COMMAND is there, installing PACKAGE where it may
# (apt as root or with a password-less sudo, Homebrew). Otherwise says what to install, and fails.
set -u
command=$1
package=$2
command -v "$command" >/dev/null && exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT
root=""
[ "$(id -u)" = 0 ] || root="sudo -n"
if command -v apt-get >/dev/null && { [ -z "$root" ] || $root true 2>/dev/null; }; then
    echo "Installing $package (apt)"
    { $root apt-get install -y --no-install-recommends "$package" ||
        { $root apt-get update && $root apt-get install -y --no-install-recommends "$package"; }; } \
        >"$log" 2>&1 </dev/null
elif command -v brew >/dev/null; then
    echo "Installing $package (brew)"
    brew install "$package" >"$log" 2>&1 </dev/null
fi
command -v "$command" >/dev/null && exit 0

tail -n 3 "$log" >&2
echo "The program '$command' is needed and could not be installed from here." >&2
echo "Install it yourself: apt install $package (Debian, Ubuntu), brew install $package (Mac)." >&2
exit 1
