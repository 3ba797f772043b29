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
"$here/require.sh" "$python -c 'import ensurepip, venv'" python3-venv

echo "Making $folder (once; a minute or two)"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[fire,test,check]'
