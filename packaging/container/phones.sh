#!/bin/sh
# The telephone network, which answers every call, and an agent who calls somebody every ten seconds.
set -eu
here=$(dirname "$0")
pbx=${C2D_PBX:-172.28.74.2:5060}
us=${C2D_PHONES:-172.28.74.5}
sed "s/\[\$password\]/$C2D_PHONE_PASSWORD/" "$here/call.xml" >"${TMPDIR:-/tmp}/call.xml"
sipp -sf "$here/uas.xml" -i "$us" -p 5070 -mp 6000 -nostdin >/dev/null 2>&1 &
while sleep 10; do
	sipp -sf "${TMPDIR:-/tmp}/call.xml" -i "$us" -p 5080 -mp 6100 -s 0820000100 -m 1 \
		-timeout 20 -nostdin "$pbx" >/dev/null 2>&1 && echo "called" || echo "no call: is all up?"
done
