package dash_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/lab/dash"
)

func schema(t *testing.T) *dash.Schema {
	t.Helper()
	s, err := dash.NewSchema(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every sort of manifest that the product's own tests know.
func TestManifestsFollowTheSchema(t *testing.T) {
	t.Parallel()
	s := schema(t)
	files, err := filepath.Glob("../../output/dash/testdata/*.mpd")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d manifests to check, error %v", len(files), err)
	}
	for _, f := range files {
		if err := s.Validate(t.Context(), f); err != nil {
			t.Error(err)
		}
	}
}

// What checks must find what is wrong.
func TestTheSchemaFindsMistakes(t *testing.T) {
	t.Parallel()
	s := schema(t)
	good, err := os.ReadFile("../../output/dash/testdata/live.mpd")
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"no profiles":               {` profiles="`, ` id="`},
		"a duration in seconds":     {`minBufferTime="PT2S"`, `minBufferTime="2"`},
		"an unknown attribute":      {` bandwidth="`, ` speed="1" bandwidth="`},
		"a role after the template": {"<SegmentTimeline>", "<Role schemeIdUri=\"urn:mpeg:dash:role:2011\"/><SegmentTimeline>"},
		"no end":                    {"</MPD>", ""},
	} {
		bad := strings.Replace(string(good), change[0], change[1], 1)
		if bad == string(good) {
			t.Fatalf("%s: nothing to change", what)
		}
		file := filepath.Join(t.TempDir(), "bad.mpd")
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(t.Context(), file); err == nil {
			t.Errorf("%s: the schema does not mind", what)
		}
	}
}
