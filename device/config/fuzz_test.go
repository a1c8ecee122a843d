package config

import (
	"os"
	"path/filepath"
	"testing"
)

func seeds(f *testing.F) []string {
	docs := []string{commented, secretDoc, "streams = { main = { video = { bitrate = 3e6 } } }\n", "[[streams.main]]\n", "a.b = [1, {c = 2}]\n", "[streams.main]\r\nx = 07:32:00\r\n", ""}
	files, err := filepath.Glob("../../examples/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		docs = append(docs, string(b))
	}
	return docs
}

// Whatever is read, it is a configuration or an error; a configuration written
// anew is the same.
func FuzzParse(f *testing.F) {
	for _, doc := range seeds(f) {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := Parse("f.toml", doc, rules)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an empty error")
			}
			return
		}
		again, err := Parse("f.toml", Marshal(c), rules)
		if err != nil || !again.Equal(c) {
			t.Fatalf("%v\n%s", err, Marshal(c))
		}
	})
}

// A merge patch gives a valid configuration or an error, and what Patch makes
// of the document for it reads as it.
func FuzzMergePatch(f *testing.F) {
	for _, doc := range seeds(f) {
		f.Add([]byte(doc), []byte(`{"streams":{"main":{"video":{"bitrate":"4M"},"destinations":{"x":{"url":"srt://h:1"}}},"b":{}}}`))
		f.Add([]byte(doc), []byte(`{"streams":{"main":{"segment":{"duration":"4s","window":null},"destinations":null}},"http":{"listen":":1"}}`))
		f.Add([]byte(doc), []byte(`{"streams":{"main":null,"new":{"input":{"loop":false}}},"log":{"format":"json"}}`))
	}
	f.Fuzz(func(t *testing.T, doc, patch []byte) {
		c, err := Parse("f.toml", doc, rules)
		if err != nil {
			return
		}
		next, err := MergePatch(c, patch, rules)
		if err != nil {
			return
		}
		out, _, err := Patch(doc, next)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("f.toml", out, rules)
		if err != nil || !again.Equal(next) {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}
