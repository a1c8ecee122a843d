#!/usr/bin/env bash
# make lint: everything that is checked without running the product. All checks run, then the
# failed ones are named.
set -uo pipefail
# shellcheck source=../setup/env.sh
source "$(dirname "$0")/../setup/env.sh"

MAX_LINES=450
# Tests that other targets run: in the virtual ARM box, against the C headers of each architecture.
TAGS=box,headers
failed=()

# sources PATTERN: the checkout's files of that name, new ones included, ignored ones not.
sources() { git ls-files -z --cached --others --exclude-standard -- "$1" | while IFS= read -r -d '' f; do
	[ -e "$f" ] && printf '%s\0' "$f"
done; }

# check NAME COMMAND…
check() {
	printf 'lint: %s\n' "$1"
	"${@:2}" || failed+=("$1")
}

check_gofmt() {
	local ugly
	ugly=$(sources '*.go' | xargs -0r gofmt -s -l) || return 1
	[ -z "$ugly" ] && return
	printf '%s: not formatted; run: gofmt -s -w .\n' "${ugly//$'\n'/, }"
	return 1
}

check_length() {
	local file lines bad=0
	while IFS= read -r -d '' file; do
		lines=$(wc -l <"$file")
		if [ "$lines" -gt $MAX_LINES ]; then
			printf '%s: %d lines, at most %d; split it by topic\n' "$file" "$lines" $MAX_LINES
			bad=1
		fi
	done < <(sources '*.go')
	return $bad
}

check_scripts() {
	{
		sources '*.sh'
		sources '.ci/run'
	} | xargs -0r shellcheck
}

check "gofmt" check_gofmt
check "no Go file over $MAX_LINES lines" check_length
check "go vet" go vet -tags "$TAGS" ./...
# Its cache keeps paths: in one shared by two checkouts, the rules for folders would miss.
check "golangci-lint" env GOLANGCI_LINT_CACHE="$PWD/build/lint-cache" "$(golangci_path)" run --build-tags "$TAGS" ./...
check "shellcheck" check_scripts

if [ ${#failed[@]} -gt 0 ]; then
	printf 'lint: FAILED:'
	printf ' %s;' "${failed[@]}"
	printf '\n'
	exit 1
fi
printf 'lint: ok\n'
