#!/bin/sh
# Asterisk in its container: what the environment says goes into the configuration, then it starts.
set -eu
umask 027
sample=/usr/share/click2dial/etc/asterisk
sed 's/^bindaddr = .*/bindaddr = 0.0.0.0/' "$sample/http.conf" >/etc/asterisk/http.conf
sed "s/change-me/$C2D_ARI_PASSWORD/" "$sample/ari.conf" >/etc/asterisk/ari.conf
sed "s/change-me/$C2D_PHONE_PASSWORD/" /etc/click2dial/pjsip.conf >/etc/asterisk/pjsip.conf
printf '[general]\nrtpstart = 10000\nrtpend = 10099\n' >/etc/asterisk/rtp.conf
cat >/etc/asterisk/extensions.conf <<END
[general]
static = yes
writeprotect = yes

[globals]
C2D_AGI = $C2D_AGI
C2D_SECRET = $C2D_SECRET

#include /usr/share/click2dial/dialplan/click2dial.conf
END
exec asterisk -f
