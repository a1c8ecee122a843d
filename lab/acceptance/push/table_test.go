package push

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// kind is a line of -kinds, or of README's table.
type kind struct {
	Kind, Direction    string
	Transports, Codecs []string
}

func (k kind) key() string { return k.Kind + " " + k.Direction }

// TestReadmeHasEveryKind compares README's table with what the daemon says of itself,
// and both with the rows that are tested here.
func TestReadmeHasEveryKind(t *testing.T) {
	t.Parallel()
	readme := readmeKinds(t)
	stdout, stderr, code := execute(t, nil, binary, "-kinds")
	var own []kind
	if err := json.Unmarshal([]byte(stdout), &own); err != nil || code != 0 {
		t.Fatalf("-kinds: %v, exit code %d: %s", err, code, stderr)
	}
	tested := map[string]bool{}
	for name := range rows {
		word, _, _ := strings.Cut(name, " ")
		tested[word] = true
	}
	for _, k := range own {
		row, ok := readme[k.key()]
		delete(readme, k.key())
		switch {
		case !ok:
			t.Errorf("README's table has no row for %s", k.key())
			continue
		case k.Direction == "push" && !tested[k.Kind]:
			t.Errorf("no test pushes by %s", k.Kind)
		}
		slices.Sort(k.Transports)
		slices.Sort(k.Codecs)
		if !slices.Equal(row.Transports, k.Transports) {
			t.Errorf("%s: README says transports %v, -kinds %v", k.key(), row.Transports, k.Transports)
		}
		if !slices.Equal(row.Codecs, k.Codecs) {
			t.Errorf("%s: README says codecs %v, -kinds %v", k.key(), row.Codecs, k.Codecs)
		}
	}
	for key := range readme {
		t.Errorf("README's table has a row for %s, which -kinds does not know", key)
	}
}

var (
	firstCell = regexp.MustCompile("^`([a-z0-9]+)`")
	transport = regexp.MustCompile(`\b(HTTP\(S\)|HTTP|TLS|TCP|UDP)`)
	codec     = regexp.MustCompile(`\b(H\.264|AAC|MP3|Opus)\b`)
	says      = map[string][]string{
		"HTTP(S)": {"http", "tls"}, "HTTP": {"http"}, "TLS": {"tls"}, "TCP": {"tcp"}, "UDP": {"udp"},
		"H.264": {"h264"}, "AAC": {"aac"}, "MP3": {"mp3"}, "Opus": {"opus"},
	}
)

// readmeKinds are the rows of README's table "Ways out". A row without a peer that it
// was tested with is an error.
func readmeKinds(t *testing.T) map[string]kind {
	t.Helper()
	b, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "## Ways out")
	text, _, _ = strings.Cut(text, "\n## ")
	all := map[string]kind{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		name := firstCell.FindStringSubmatch(strings.TrimSpace(cells[0]))
		if len(cells) != 5 || name == nil {
			continue
		}
		if strings.TrimSpace(cells[4]) == "" {
			t.Errorf("no peer in README's row %s", line)
		}
		k := kind{
			Kind: name[1], Direction: strings.TrimSpace(cells[1]),
			Transports: words(transport, cells[2]), Codecs: words(codec, cells[3]),
		}
		if _, twice := all[k.key()]; twice {
			t.Errorf("README has two rows for %s", k.key())
		}
		all[k.key()] = k
	}
	return all
}

// words are those of a cell in the notation of -kinds.
func words(pattern *regexp.Regexp, cell string) (all []string) {
	for _, w := range pattern.FindAllString(cell, -1) {
		all = append(all, says[w]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
