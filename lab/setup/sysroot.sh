#!/usr/bin/env bash
# Unpacks the libraries that encoderd links against, for one target architecture, into a folder of
# the cache. apt works on a state of its own in there: the machine's package lists, architectures
# and installed packages are left alone, and no root is needed. Does nothing when it is there.
#
#   lab/setup/sysroot.sh arm64|armhf
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "$0")/env.sh"
# shellcheck source=packages.sh
source lab/setup/packages.sh

# sources: this machine's own Debian or Ubuntu sources, third parties left out. Ubuntu keeps
# ARM on another host.
sources() {
	# shellcheck disable=SC2016 # apt's own place holders
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		while read -r origin uri release component; do
			case $origin in
			Debian) keyring=/usr/share/keyrings/debian-archive-keyring ;;
			Ubuntu) keyring=/usr/share/keyrings/ubuntu-archive-keyring uri=http://ports.ubuntu.com/ubuntu-ports/ ;;
			*) continue ;;
			esac
			# Without a keyring of that name apt takes the keys it trusts for everything.
			signed=''
			for file in "$keyring.gpg" "$keyring.pgp"; do
				[ -e "$file" ] && signed="[signed-by=$file] " && break
			done
			printf 'deb %s%s %s %s\n' "$signed" "$uri" "$release" "$component"
		done | sort -u
}

# configure: an apt configuration that sees only the folder $state. The hooks of this machine's
# own apt (desktop caches, cleaning) have no business there.
configure() {
	mkdir -p "$state"/{lists,archives}/partial
	: >"$state/status"
	sources >"$state/sources.list"
	[ -s "$state/sources.list" ] ||
		die "no Debian or Ubuntu package lists on this machine to take the addresses from" "run: sudo apt-get update"
	cat >"$state/apt.conf" <<-CONF
		#clear APT::Architectures;
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Pre-Install-Pkgs;
		#clear DPkg::Post-Invoke;
		#clear Acquire::IndexTargets::deb::DEP-11;
		#clear Acquire::IndexTargets::deb::DEP-11-icons;
		#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
		#clear Acquire::IndexTargets::deb::CNF;
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Install-Recommends "false";
		APT::Sandbox::User "";
		Acquire::Languages "none";
		Dir::State "$state";
		Dir::State::lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::Cache "$state";
		Dir::Cache::archives "$state/archives";
		Dir::Etc::sourcelist "$state/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
	CONF
}

target_apt() { apt-get -q -c "$state/apt.conf" "$@" </dev/null; }

# download: fetches the libraries and all they depend on. One index that does not match its
# signature (Debian's armhf security updates at times) is left out by apt; the rest serves.
download() {
	if ! target_apt update >"$state/log" 2>&1 && ! target_apt update >"$state/log" 2>&1; then
		say "$arch: $(grep -m 1 '^E: Failed' "$state/log" || tail -n 1 "$state/log")"
		say "$arch: going on without that list"
	fi
	# shellcheck disable=SC2086 # a list of package names
	for _ in 1 2; do
		target_apt install -y --download-only $TARGET_LIBRARIES >>"$state/log" 2>&1 && return
	done
	tail -n 12 "$state/log" >&2
	die "$arch: could not download $TARGET_LIBRARIES" "the reason is in the lines above"
}

# unpack: the packages into one tree, in which no link leads out of it.
unpack() {
	local package link
	for package in "$state"/archives/*.deb; do
		dpkg-deb -x "$package" "$root"
	done
	# Older packages have /lib apart from /usr/lib; the dynamic linker is looked for under /lib.
	if [ -d "$root/lib" ] && [ ! -L "$root/lib" ]; then
		mkdir -p "$root/usr/lib"
		cp -a "$root/lib/." "$root/usr/lib/"
		rm -r "${root:?}/lib"
	fi
	ln -sfn usr/lib "$root/lib"
	while IFS= read -r link; do
		ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$root$(readlink "$link")")" "$link"
	done < <(find "$root" -type l -lname '/*')
}

arch=${1:?an architecture: $CROSS_ARCHES}
cross_arch "$arch"
final=$(sysroot_path "$arch")
[ -d "$final" ] && exit 0
say "fetches $TARGET_LIBRARIES for $arch into $final: encoderd links against them"
mkdir -p "$CACHE/sysroot"
work=$(mktemp -d "$CACHE/sysroot/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
state=$work/apt root=$work/root
mkdir -p "$root"
configure
download
unpack
[ -e "$root/usr/lib/$TRIPLET/libc.so.6" ] || die "$arch: the C library is not among what was unpacked"
rm -rf "$final"
mv "$root" "$final"
