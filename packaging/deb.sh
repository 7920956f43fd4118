#!/bin/sh
# Build a Debian package for this machine's Debian from a wheel of ours: packaging/deb.sh WHEEL
# Needs python3-venv; leaves the package in dist/.
#
# It is a virtual environment under /opt with Debian's own Python: its packages are those that were
# tested, and nothing else on the machine sees them.  Compiled parts of wheels are for one version
# of Python, so each Debian has a package of its own.
set -eu
umask 022
cd "$(dirname "$0")/.."
wheel=$1
python=$(basename "$(realpath /usr/bin/python3)")
suite=$(. /etc/os-release && echo "${VERSION_ID:-sid}")
version=$(basename "$wheel" | cut -d- -f2)~deb$suite
architecture=$(dpkg --print-architecture)
root=$PWD/build/deb
venv=$root/opt/click2dial
rm -rf "$root"

"/usr/bin/$python" -m venv "$venv"
"$venv/bin/pip" install -q --no-compile --disable-pip-version-check "$wheel"
"$venv/bin/pip" uninstall -q --yes --disable-pip-version-check pip
# It was made here and will be there.
grep -rlIF "$root" "$venv" | xargs sed -i "s,$root,,g"
find "$venv" -name __pycache__ -type d -prune -exec rm -rf {} +
# The service may not write bytecode, and would read every module anew at each start.
"/usr/bin/$python" -m compileall -q --invalidation-mode unchecked-hash -s "$root" "$venv"

install -D -m 0640 etc/click2dial.yaml "$root/etc/click2dial/click2dial.yaml"
for unit in click2dial-agi.service click2dial-drain.service click2dial-drain.path; do
	install -D -m 0644 "etc/$unit" "$root/usr/lib/systemd/system/$unit"
done
mkdir -p "$root/usr/bin" "$root/usr/share" "$root/DEBIAN" dist
ln -s /opt/click2dial/bin/click2dial-agi "$root/usr/bin/click2dial-agi"
ln -s /opt/click2dial/share/click2dial "$root/usr/share/click2dial"
for script in postinst prerm postrm; do
	install -m 0755 "packaging/debian/$script" "$root/DEBIAN/$script"
done
install -m 0644 packaging/debian/conffiles "$root/DEBIAN/conffiles"
sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@PYTHON@/$python/" \
	packaging/debian/control >"$root/DEBIAN/control"
dpkg-deb --root-owner-group -Zzstd -z3 --build "$root" \
	"dist/click2dial_${version}_$architecture.deb"
