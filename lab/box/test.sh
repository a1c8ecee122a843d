#!/usr/bin/env bash
# make lab-box-test: the tests that start virtual ARM boxes, two packages at a time (much of a test
# is real time that passes), each with its time, all together within a limit. A package that fails
# does not keep the others from running.
#
#   lab/box/test.sh MINUTES PACKAGE…
set -uo pipefail
# shellcheck source=../setup/env.sh
source "$(dirname "$0")/../setup/env.sh"

minutes=${1:?a limit in minutes}
shift
[[ $minutes =~ ^[1-9][0-9]*$ ]] || die "BOX_MINUTES=$minutes: the limit is a whole number of minutes"
mapfile -t packages < <(go list -e -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "$@")
[ ${#packages[@]} -gt 0 ] || die "no package with tests in: $*"
module=$(go list -m)
# The longest begins, so that the others run beside it.
mapfile -t packages < <(printf '%s\n' "${packages[@]}" | awk -v first="$module/lab/hardware" '$0 == first {print "0", $0; next} {print "1", $0}' | sort -s -k1,1 | cut -d' ' -f2)

# clock SECONDS
clock() { printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); }

# test_package PACKAGE SECONDS: go test's own limit names the test that was running, and where. It
# counts from the test binary's start; should that, or compiling it, hang, timeout ends the group.
test_package() {
	exec timeout --kill-after=10 $(($2 + 20)) go test -count=1 -timeout "$2s" "$1" </dev/null
}

# timeout's groups are not the terminal's: Ctrl-C reaches them by way of here.
declare -A package_of=() began_at=()
printed=$(mktemp -d)
trap '[ ${#package_of[@]} = 0 ] || kill "${!package_of[@]}"; wait; rm -rf "$printed"; exit 130' INT TERM
trap 'rm -rf "$printed"' EXIT

summary=() failed=() late=0
left() { echo $((minutes * 60 - SECONDS)); }
short() { echo "./${1#"$module"/}"; }

# begin PACKAGE: its output is kept until it ends, for two at once could not be read.
begin() {
	printf 'lab-box-test: %s begins\n' "$(short "$1")"
	test_package "$1" "$(left)" >"$printed/${1//\//_}" 2>&1 &
	package_of[$!]=$1 began_at[$!]=$SECONDS
}

# finish waits for any package, prints what it had to say, and leaves it in ended, with its status.
finish() {
	local pid
	wait -n -p pid "${!package_of[@]}"
	status=$? ended=${package_of[$pid]} took=$((SECONDS - began_at[$pid]))
	unset "package_of[$pid]"
	printf 'lab-box-test: %s\n' "$(short "$ended")"
	cat "$printed/${ended//\//_}"
}

# Compiling counts for nothing: on a fresh machine it takes minutes. What does not compile is
# reported as a failed package below.
printf 'lab-box-test: compiles\n'
go test -count=1 -run '^$' "${packages[@]}" </dev/null >/dev/null 2>&1 || true
printf 'lab-box-test: compiled in %s\n' "$(clock $SECONDS)"

SECONDS=0
for package in "${packages[@]}" ''; do
	while [ ${#package_of[@]} -ge 2 ] || { [ -z "$package" ] && [ ${#package_of[@]} -gt 0 ]; }; do
		finish
		if [ $status = 0 ]; then
			summary+=("$(printf '%-10s %s, %s' ok "$(short "$ended")" "$(clock $took)")")
		else
			failed+=("$ended")
		fi
	done
	if [ -n "$package" ] && [ "$(left)" -le 0 ]; then
		summary+=("not run    $(short "$package")")
		late=1
	elif [ -n "$package" ]; then
		begin "$package"
	fi
done

# A box that is starved of its processors misses what no hardware would. What is wrong is wrong
# again, alone; what is not is said to have needed another try.
wrong=0
for package in "${failed[@]}"; do
	verdict=FAILED took=0
	if [ "$(left)" -gt 0 ]; then
		printf 'lab-box-test: %s failed; once more, alone\n' "$(short "$package")"
		begin "$package"
		finish
		[ $status != 0 ] || verdict='2nd try ok'
	fi
	if [ "$verdict" = FAILED ]; then
		wrong=1
		[ "$(left)" -gt 0 ] || late=1
	fi
	summary+=("$(printf '%-10s %s, %s' "$verdict" "$(short "$package")" "$(clock $took)")")
done

printf 'lab-box-test: %s\n' "${summary[@]}" "all together $(clock $SECONDS)"
[ $late = 0 ] || die "the limit of $minutes minutes for all packages was reached" \
	"a test hangs (its name and stacks are above), or this machine is slow or busy: make lab-box-test BOX_MINUTES=$((2 * minutes))"
exit $wrong
