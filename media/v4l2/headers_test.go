//go:build headers

package v4l2

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestHeaders compares the golden tables with the C headers of each
// architecture. It needs the C compilers of all three: make cross runs it.
//
//	go test -tags headers -run Headers ./media/v4l2
func TestHeaders(t *testing.T) {
	for arch, compiler := range map[string][]string{
		"amd64": {"x86_64-linux-gnu-gcc"},
		"arm64": {"aarch64-linux-gnu-gcc"},
		// The 64-bit time ABI.
		"arm": {"arm-linux-gnueabihf-gcc", "-D_TIME_BITS=64", "-D_FILE_OFFSET_BITS=64"},
	} {
		t.Run(arch, func(t *testing.T) {
			table := fromHeaders(t, compiler)
			name := "testdata/layout-" + arch + ".txt"
			if *update {
				if err := os.WriteFile(name, table, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(table, want) {
				t.Errorf("%s is not what the headers say; see what changed: go test -tags headers -run Headers -update, git diff", name)
			}
		})
	}
}

var update = flag.Bool("update", false, "rewrite testdata/layout-*.txt from the C headers")

// fromHeaders has the compiler write the numbers into its assembly, so that
// nothing needs to run on the other machine.
func fromHeaders(t *testing.T, compiler []string) []byte {
	t.Helper()
	expressions := map[string]string{}
	for _, l := range layouts() {
		expressions["struct "+l.c] = fmt.Sprintf("sizeof(struct %s)", l.c)
		for _, p := range l.pairs() {
			expressions["field "+l.c+"."+p[0]] = fmt.Sprintf("offsetof(struct %s, %s)", l.c, p[0])
		}
	}
	for name := range numbers() {
		expressions["value "+name] = name
	}
	for _, name := range ioctlNames() {
		expressions["value "+name] = name
	}
	var c strings.Builder
	c.WriteString("#include <stddef.h>\n#include <sys/time.h>\n#include <linux/videodev2.h>\n#include <linux/v4l2-subdev.h>\n" +
		"#include <linux/media.h>\n#include <linux/media-bus-format.h>\n#include <linux/dma-buf.h>\n\nvoid f(void) {\n")
	for _, key := range slices.Sorted(maps.Keys(expressions)) {
		// The number is put out in two halves: as an operand it would have a sign.
		fmt.Fprintf(&c, "asm volatile(\"\\n->%s %%c0 %%c1\" :: \"i\"((unsigned)(%s) >> 16), \"i\"((unsigned)(%s) & 0xffff));\n",
			key, expressions[key], expressions[key])
	}
	c.WriteString("}\n")
	source := filepath.Join(t.TempDir(), "layout.c")
	if err := os.WriteFile(source, []byte(c.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append(compiler[1:], "-S", "-o", "-", source)
	asm, err := exec.CommandContext(t.Context(), compiler[0], args...).Output()
	if err != nil {
		var stderr []byte
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = exit.Stderr
		}
		t.Fatalf("%s: %v\n%s", strings.Join(compiler, " "), err, stderr)
	}
	return tableOf(asm, len(expressions), t)
}

func tableOf(asm []byte, want int, t *testing.T) []byte {
	t.Helper()
	var table bytes.Buffer
	table.WriteString("# Made from the C headers by: go test -tags headers -run Headers -update ./media/v4l2\n")
	lines := regexp.MustCompile(`(?m)^->(.*) (\d+) (\d+)$`).FindAllSubmatch(asm, -1)
	if len(lines) != want {
		t.Fatalf("%d of %d numbers are in the assembly", len(lines), want)
	}
	for _, m := range lines {
		var high, low uint64
		fmt.Sscan(string(m[2]), &high)
		fmt.Sscan(string(m[3]), &low)
		fmt.Fprintf(&table, "%s %s\n", m[1], number(string(m[1]), high<<16|low))
	}
	return table.Bytes()
}
