package device

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/encoderbox/encoderbox/"

// allowed lists, for each top folder, the top folders its code may import
// besides itself. Test files may import more: they are not the product.
var allowed = map[string][]string{
	"media":   {},
	"capture": {"media"},
	"encode":  {"media", "capture"},
	"output":  {"media"},
	"board":   {"media"},
	"device":  {"media", "capture", "encode", "output", "board"},
	"cmd":     {"device"},
	"lab":     {"media", "capture", "encode", "output", "board", "device"},
}

// surfaces render the status and offer the commands; none knows another.
var surfaces = []string{"api", "web", "console", "panel", "machine"}

func TestImportsGoOneWay(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == "build" || strings.HasPrefix(d.Name(), ".git")) {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			checkFile(t, strings.TrimPrefix(filepath.ToSlash(path), "../"), seen)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, top := range []string{"media", "capture", "encode", "output", "board", "device", "cmd"} {
		if !seen[top] {
			t.Errorf("no Go file found below %s: the test looks in the wrong place", top)
		}
	}
}

func checkFile(t *testing.T, path string, seen map[string]bool) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", path), nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	top, _, _ := strings.Cut(path, "/")
	seen[top] = true
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if why := violation(path, imported); why != "" {
			t.Errorf("%s imports %s: %s", path, imported, why)
		}
	}
}

// violation says why the file may not import the package, or "".
func violation(path, imported string) string {
	top, _, _ := strings.Cut(path, "/")
	may, known := allowed[top]
	ours, isOurs := strings.CutPrefix(imported, module)
	target, _, _ := strings.Cut(ours, "/")
	host, _, _ := strings.Cut(imported, "/")
	from, to := surfaceOf(path), surfaceOf(ours)
	switch {
	case !known:
		return top + " is a folder the layers do not know"
	case !isOurs && filepath.Dir(path) == "media" && strings.Contains(host, "."):
		return "package media imports the standard library only"
	case isOurs && target != top && !slices.Contains(may, target):
		return "it may import only itself and " + strings.Join(may, ", ")
	case isOurs && from != "" && to != "" && from != to:
		return "surfaces do not know each other"
	}
	return ""
}

// surfaceOf is the surface a path below device belongs to, or "".
func surfaceOf(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) > 1 && parts[0] == "device" && slices.Contains(surfaces, parts[1]) {
		return parts[1]
	}
	return ""
}

func TestViolationsAreSeen(t *testing.T) {
	for _, c := range []struct {
		path, imported string
		bad            bool
	}{
		{"encode/software/x.go", module + "output/hub", true},
		{"output/rtmp/x.go", module + "device/status", true},
		{"cmd/encoderd/main.go", module + "output/kinds", true},
		{"media/x.go", "golang.org/x/sys/unix", true},
		{"media/h264/x.go", "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264", false},
		{"device/api/x.go", module + "device/web", true},
		{"device/api/x.go", module + "device/status", false},
		{"encode/software/x.go", module + "capture", false},
		{"tools/x.go", "fmt", true},
	} {
		if got := violation(c.path, c.imported); (got != "") != c.bad {
			t.Errorf("%s importing %s: %q", c.path, c.imported, got)
		}
	}
}
