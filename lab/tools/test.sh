#!/usr/bin/env bash
# make test: the unit tests with the race detector, then those against real peers, which start
# servers, players and a browser, and run one package at a time so that they do not starve each
# other. What fails does not keep the rest from running.
#
#   lab/tools/test.sh "UNIT PACKAGES" "PEER PACKAGES"
set -uo pipefail
# shellcheck source=../setup/env.sh
source "$(dirname "$0")/../setup/env.sh"

printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
trap 'exit 130' INT TERM # go test answers Ctrl-C with an ordinary failure
wrong=() summary=()

# attempt FLAGS… PACKAGES…: go test, and the packages that failed in failed. Those that fail alike
# whenever they run are in hopeless instead: what does not compile, and whatever failed beside a
# data race, since the output does not say whose it was.
attempt() {
	local status
	go test "$@" </dev/null 2>&1 | tee "$printed"
	status=${PIPESTATUS[0]} failed=() hopeless=()
	[ "$status" != 0 ] || return 0
	mapfile -t failed < <(awk '$1 == "FAIL" && NF >= 3 && !/\[(build|setup) failed\]/ {print $2}' "$printed")
	mapfile -t hopeless < <(awk '$1 == "FAIL" && NF >= 3 && /\[(build|setup) failed\]/ {print $2}' "$printed")
	if grep -q '^WARNING: DATA RACE' "$printed"; then
		hopeless+=("${failed[@]}") failed=()
	fi
	[ $((${#failed[@]} + ${#hopeless[@]})) -gt 0 ] || hopeless=("go test")
}

# all FLAGS… PACKAGES…: every package. One that fails runs once more, alone: a test that is starved
# of its processor may miss what no box would. What is wrong is wrong again; what is not is said to
# have needed another try.
all() {
	local package again flags=("${@:1:$#-1}")
	# shellcheck disable=SC2086 # the last word is a list
	attempt "${flags[@]}" ${!#}
	wrong+=("${hopeless[@]}")
	again=("${failed[@]}")
	for package in "${again[@]}"; do
		printf 'make test: %s failed; once more, alone\n' "$package"
		attempt "${flags[@]}" -count=1 "$package"
		if [ $((${#failed[@]} + ${#hopeless[@]})) = 0 ]; then
			summary+=("2nd try ok $package")
		else
			wrong+=("$package")
		fi
	done
}

all -race -timeout 15m "$1"
all -count=1 -p 1 -timeout 20m "$2"
[ ${#summary[@]} = 0 ] || printf 'make test: %s\n' "${summary[@]}"
[ ${#wrong[@]} = 0 ] && exit
printf 'make test: FAILED     %s\n' "${wrong[@]}" >&2
exit 1
