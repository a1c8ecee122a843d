# shellcheck shell=bash
# apt with a state of its own, for packages that are unpacked and never installed: the machine's
# package lists, architectures and installed packages are left alone, and no root is needed.
# To be sourced after env.sh.

# archive_keys NAME: the option of a source line that names the archive's keys; without a keyring
# of that name apt takes the keys it trusts for everything.
archive_keys() {
	local file
	for file in "/usr/share/keyrings/$1-archive-keyring".{gpg,pgp}; do
		[ -e "$file" ] && printf '[signed-by=%s] ' "$file" && break
	done
	return 0
}

# HOOKLESS_CONF: for apt.conf. The hooks of this machine's own apt (desktop caches, cleaning) have
# no business in another state, nor the rights where nobody is root.
HOOKLESS_CONF='
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
#clear Acquire::IndexTargets::deb::CNF;
APT::Sandbox::User "";
'

# machine_targets FORMAT: a line for each of this machine's own package lists. A machine that has
# its sources and no lists (container images come so) has them fetched, into a folder for the moment.
machine_targets() {
	local targets lists
	targets=$(apt-get indextargets --format "$1" 'Created-By: Packages')
	if [ -z "$targets" ]; then
		lists=$(mktemp -d)
		mkdir -p "$lists"/{lists,archives}/partial
		printf '%s\n' "$HOOKLESS_CONF" "Dir::State::lists \"$lists/lists\";" "Dir::Cache \"$lists\";" \
			"Dir::Cache::archives \"$lists/archives\";" >"$lists/apt.conf"
		apt-get -q -c "$lists/apt.conf" update </dev/null >/dev/null 2>&1 || true
		targets=$(apt-get -c "$lists/apt.conf" indextargets --format "$1" 'Created-By: Packages')
		rm -rf "$lists"
	fi
	printf '%s\n' "$targets"
}

# machine_sources: this machine's own Debian or Ubuntu sources, third parties left out. Ubuntu
# keeps ARM on another host.
machine_sources() {
	local origin uri release component
	# shellcheck disable=SC2016 # apt's own place holders
	machine_targets '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' |
		while read -r origin uri release component; do
			case $origin in
			Debian) ;;
			Ubuntu) uri=http://ports.ubuntu.com/ubuntu-ports/ ;;
			*) continue ;;
			esac
			printf 'deb %s%s %s %s\n' "$(archive_keys "${origin,,}")" "$uri" "$release" "$component"
		done | sort -u
}

# apt_state FOLDER SOURCES ARCH...: makes the folder an apt state that knows only the source lines
# and architectures given.
apt_state() {
	local state=$1 sources=$2
	shift 2
	mkdir -p "$state"/{lists,archives}/partial
	: >"$state/status"
	printf '%s\n' "$sources" >"$state/sources.list"
	cat >"$state/apt.conf" <<-CONF
		$HOOKLESS_CONF
		#clear APT::Architectures;
		APT::Architecture "$1";
		APT::Architectures { $(printf '"%s"; ' "$@")};
		APT::Install-Recommends "false";
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

# state_apt FOLDER ARGUMENTS...: apt-get on such a state.
state_apt() {
	local state=$1
	shift
	apt-get -q -c "$state/apt.conf" "$@" </dev/null
}

# state_update FOLDER NAME: fetches the package lists. One index that does not match its signature
# (Debian's armhf security updates at times) is left out by apt; the rest serves.
state_update() {
	local log=$1/log
	if ! state_apt "$1" update >"$log" 2>&1 && ! state_apt "$1" update >"$log" 2>&1; then
		say "$2: $(grep -m 1 '^E: Failed' "$log" || tail -n 1 "$log")"
		say "$2: going on without that list"
	fi
}

# state_download FOLDER NAME PACKAGE...: fetches the packages and all they depend on into
# FOLDER/archives.
state_download() {
	local state=$1 name=$2
	shift 2
	for _ in 1 2; do
		state_apt "$state" install -y --download-only "$@" >>"$state/log" 2>&1 && return
	done
	tail -n 12 "$state/log" >&2
	die "$name: could not download $*" "the reason is in the lines above"
}

# unpack_tree ROOT PACKAGE_FILE...: the packages into one tree whose bin, lib and sbin are links
# into usr, as the dynamic linker expects them, and in which no link leads out of it.
unpack_tree() {
	local root=$1 package link dir
	shift
	mkdir -p "$root"
	for package; do
		dpkg-deb -x "$package" "$root"
	done
	for dir in bin lib sbin; do
		mkdir -p "$root/usr/$dir"
		if [ -d "$root/$dir" ] && [ ! -L "$root/$dir" ]; then
			cp -a "$root/$dir/." "$root/usr/$dir/"
			rm -r "${root:?}/$dir"
		fi
		ln -sfn "usr/$dir" "$root/$dir"
	done
	while IFS= read -r link; do
		ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$root$(readlink "$link")")" "$link"
	done < <(find "$root" -type l -lname '/*')
}
