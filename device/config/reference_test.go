package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReferenceIsUpToDate(t *testing.T) {
	committed, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	require.True(t, bytes.Equal(committed, Reference()), "docs/configuration.md is out of date: go generate ./device/config")
}

// The schema's own texts are right: every default is within its range, and
// every key has a help.
func TestSchemaIsSound(t *testing.T) {
	var visit func(path string, t2 reflect.Type)
	visit = func(path string, t2 reflect.Type) {
		for _, f := range fieldsOf(t2) {
			at := join(path, f.key)
			require.NotEmpty(t, f.key, path)
			require.NotEmpty(t, f.help, at)
			switch {
			case f.isTable:
				visit(at, f.typ)
			case f.isNamed:
				visit(at+".NAME", f.typ.Elem())
			case f.def != "":
				require.NoError(t, f.set(reflect.New(f.typ).Elem(), leaf(f.nodeKind(), f.def)), at)
			}
			if f.min != "" {
				require.Less(t, f.bound(f.min), f.bound(f.max), at)
			}
			require.True(t, f.def == "" || f.derived == "", at)
		}
	}
	visit("", reflect.TypeFor[Config]())
}

func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.toml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 3)
	rules := Rules{
		Schemes: append([]string{"dash+https", "s3"}, rules.Schemes...),
		KindOf: func(scheme string) (string, bool) {
			switch scheme {
			case "dash+https":
				return "dash", true
			case "s3":
				return "s3", true
			}
			return rules.KindOf(scheme)
		},
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Load(file, rules)
			require.NoError(t, err)
			// What stands there as a comment is right too.
			doc, err := os.ReadFile(file)
			require.NoError(t, err)
			_, err = Parse(file, []byte(uncommented(string(doc))), rules)
			require.NoError(t, err)
		})
	}
}

// uncommented turns the commented keys and tables of an example on. A key that
// stands there already is another way to write the same, and stays off.
func uncommented(doc string) string {
	var out []string
	seen := map[string]bool{}
	for line := range strings.Lines(doc) {
		line = strings.TrimSuffix(line, "\n")
		text := strings.TrimPrefix(line, "# ")
		key, _, isKey := strings.Cut(text, " = ")
		isHeader := strings.HasPrefix(text, "[")
		if isHeader {
			seen = map[string]bool{}
		}
		if isHeader || isKey && bareKey(key) && !seen[key] {
			line = text
			seen[key] = true
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
