#!/usr/bin/env bash
# make lab-box-test: the tests that start virtual ARM boxes, one package at a time (the processors
# are emulated, and take all that the machine has), each with its time, all together within a limit.
# A package that fails does not keep the others from running.
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

# clock SECONDS
clock() { printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); }

# test_package PACKAGE SECONDS: go test's own limit names the test that was running, and where. It
# counts from the test binary's start; should that, or compiling it, hang, timeout ends the group.
test_package() {
	timeout --kill-after=10 $(($2 + 20)) go test -count=1 -timeout "$2s" "$1" </dev/null &
	running=$!
	wait $running
}

# timeout's group is not the terminal's: Ctrl-C reaches it by way of here.
running=''
trap '[ -z "$running" ] || kill "$running"; wait; exit 130' INT TERM

# Compiling counts for nothing: on a fresh machine it takes minutes. What does not compile is
# reported as a failed package below.
printf 'lab-box-test: compiles\n'
go test -count=1 -run '^$' "${packages[@]}" </dev/null >/dev/null 2>&1 || true
printf 'lab-box-test: compiled in %s\n' "$(clock $SECONDS)"

SECONDS=0
summary=() failed=0 late=0
for package in "${packages[@]}"; do
	short=./${package#"$(go list -m)"/}
	left=$((minutes * 60 - SECONDS)) began=$SECONDS
	if [ $left -le 0 ]; then
		summary+=("not run    $short")
		late=1
		continue
	fi
	printf 'lab-box-test: %s\n' "$short"
	test_package "$package" $left
	status=$?
	verdict=ok
	left=$((minutes * 60 - SECONDS))
	# A box that is starved of its processors misses what no hardware would. What is wrong is wrong
	# again; what is not is said to have needed another try.
	if [ $status != 0 ] && [ $left -gt 0 ]; then
		printf 'lab-box-test: %s failed; once more\n' "$short"
		test_package "$package" $left
		status=$?
		verdict='2nd try ok'
	fi
	if [ $status != 0 ]; then
		verdict=FAILED
		failed=1
		[ $SECONDS -lt $((minutes * 60)) ] || late=1
	fi
	summary+=("$(printf '%-10s %s, %s' "$verdict" "$short" "$(clock $((SECONDS - began)))")")
done

printf 'lab-box-test: %s\n' "${summary[@]}" "all together $(clock $SECONDS)"
[ $late = 0 ] || die "the limit of $minutes minutes for all packages was reached" \
	"a test hangs (its name and stacks are above), or this machine is slow or busy: make lab-box-test BOX_MINUTES=$((2 * minutes))"
exit $failed
