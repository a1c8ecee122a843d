#!/usr/bin/env bash
# make fuzz: every fuzz target of the module, one after the other, each for TIME.
#
#   lab/tools/fuzz.sh TIME        such as 10s, 5m or 1000x
set -euo pipefail
# shellcheck source=../setup/env.sh
source "$(dirname "$0")/../setup/env.sh"

time=${1:?a time for each target, such as 10s}
count=0
while IFS=: read -r file _ line; do
	target=${line#func }
	target=${target%%(*}
	printf 'fuzz: ./%s %s for %s\n' "$(dirname "$file")" "$target" "$time"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$(dirname "$file")" </dev/null ||
		die "$target found a failure; its input is now under $(dirname "$file")/testdata/fuzz: commit it with the fix"
	count=$((count + 1))
done < <(git grep -n --untracked '^func Fuzz' -- '*_test.go')
[ $count -gt 0 ] || die "no fuzz target found"
printf 'fuzz: %d targets ok\n' $count
