#!/usr/bin/env bash
# make-venv.sh PYTHON FOLDER: a virtual environment with this project and all that its targets need.
set -eu
python=$1
folder=$2
here=$(dirname "$0")

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "Python 3.10 or newer is needed, and $python is $("$python" --version)." >&2
    echo "Name another one: make PYTHON=python3.12 ..." >&2
    exit 1
}
# Debian and Ubuntu keep what makes environments in a package of its own.
"$python" -c 'import ensurepip' 2>/dev/null ||
    "$here/require.sh" "$folder/bin/python" python3-venv 2>/dev/null ||
    "$python" -c 'import ensurepip' ||
    { echo "Install python3-venv (apt install python3-venv), and try again." >&2; exit 1; }

echo "Making $folder (once; a minute or two)"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[fire,test,check]'
