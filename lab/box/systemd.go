package box

// busConfig is D-Bus without restrictions, that starts what it is asked for itself.
const busConfig = `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<servicedir>/etc/dbus-1/services</servicedir>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>
`

const hostnameService = `[D-BUS Service]
Name=org.freedesktop.hostname1
Exec=/usr/lib/systemd/systemd-hostnamed
User=root
`

const supplicantService = `[D-BUS Service]
Name=fi.w1.wpa_supplicant1
Exec=/usr/sbin/wpa_supplicant -u -O /run/wpa_supplicant
User=root
`

// systemctl restarts systemd-networkd as that of a box with systemd as its first process
// does, and does nothing else.
const systemctl = `#!/bin/sh
case "$*" in
*"restart systemd-networkd.service") kill $(pidof systemd-networkd) && sleep 1 && until networkctl list >/dev/null 2>&1; do sleep 0.2; done ;;
*) echo "systemctl $*: systemd is not this box's first process" >&2; exit 1 ;;
esac
`

// laySystemd has systemd's programs lie over the box's /usr, and runs what needs no
// systemd as the first process: D-Bus, which starts systemd-hostnamed and wpa_supplicant
// when asked, and systemd-networkd, again where it fails, as its unit does. That sees a /sys that cannot be written: else it would wait for udev.
// /run/systemd/system says to hostnamectl that this is a box of systemd's.
const laySystemd = `set -e
mkdir -p /opt/systemd /opt/modules /run/dbus /run/systemd/network /run/systemd/netif /run/systemd/system /etc/dbus-1/services
modprobe overlay
modprobe 8021q
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro,cache=loose systemd /opt/systemd
mount --bind /usr/lib/modules /opt/modules
mkdir -p /opt/own/bin
cat >/opt/own/bin/systemctl <<'END'
` + systemctl + `END
chmod +x /opt/own/bin/systemctl
mount -t overlay -o ro,lowerdir=/opt/own:/opt/systemd/usr:/usr overlay /usr
mount --bind /opt/modules /usr/lib/modules
echo 'messagebus:x:101:101::/run:/bin/false
systemd-network:x:998:998::/run:/bin/false' >>/etc/passwd
echo 'messagebus:x:101:
systemd-network:x:998:' >>/etc/group
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >/etc/machine-id
chown 998:998 /run/systemd/netif
cat >/etc/dbus-1/box.conf <<'END'
` + busConfig + `END
cat >/etc/dbus-1/services/org.freedesktop.hostname1.service <<'END'
` + hostnameService + `END
cat >/etc/dbus-1/services/fi.w1.wpa_supplicant1.service <<'END'
` + supplicantService + `END
dbus-daemon --config-file=/etc/dbus-1/box.conf --fork --nopidfile
unshare -m sh -c 'mount --bind /sys /sys && mount -o remount,bind,ro /sys && while :; do /usr/lib/systemd/systemd-networkd; sleep 1; done' </dev/null >/run/networkd.log 2>&1 &
until networkctl reload >/dev/null 2>&1; do sleep 0.2; done
`

// LaySystemd has systemd-networkd, systemd-hostnamed and wpa_supplicant run in a box with
// Options.Systemd, until it reboots. No interface is theirs before a file of
// /run/systemd/network or /etc/systemd/network says so. The kernel's VLANs are there.
func (b *Box) LaySystemd() {
	b.tb.Helper()
	b.Must("sh", "-c", laySystemd)
}
