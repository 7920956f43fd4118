#!/bin/sh
# Build the browser extension of docs/extension.md: packaging/extension.sh FOLDER
# Needs `make softphone`; leaves it in FOLDER/extension, and packed beside it.
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' click2dial_agi/__init__.py)
packed=$folder/click2dial-extension-$version.zip

rm -rf "$folder/extension" "$packed"
(cd click2dial_agi/softphone && npm run --silent extension -- --outdir="$folder/extension")
cd click2dial_agi/softphone
sed "s/@VERSION@/$version/" src/extension/manifest.json >"$folder/extension/manifest.json"
cp src/extension/managed.json src/extension/options.html src/extension/options.css softphone.css \
	"$folder/extension"
cp ../../LICENSE "$folder/extension/LICENSE.txt"
cd "$folder/extension"
python3 -m zipfile -c "$packed" ./*
