package hardware

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/lab/box"
)

const moduleFolder = "../vh264"

// What the virtual encoder writes, ffmpeg decodes to what was put in: its own
// test, on this machine.
func TestModuleWriter(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), filepath.Join(moduleFolder, "test.sh")).CombinedOutput()
	if err != nil || strings.Count(string(out), "ok ") < 20 {
		t.Errorf("%v\n%s", err, out)
	}
}

// The virtual encoder keeps its promises, each of its faults among them: its
// own device test.
func TestModuleDevice(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "device")
	if out, err := exec.CommandContext(t.Context(), "aarch64-linux-gnu-gcc", "-O2", "-static", "-Wall", "-Werror",
		"-o", program, moduleFolder+"/test/device.c", moduleFolder+"/test/faults.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b := box.Start(t, box.Options{})
	b.LoadModule("vh264")
	r, err := b.Run(t.Context(), b.Share(program))
	var checks, failed int
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	if _, scan := fmt.Sscanf(lines[len(lines)-1], "%d checks, %d failed", &checks, &failed); err != nil || scan != nil || failed != 0 {
		t.Fatalf("%v, %v\n%s%s", err, scan, r.Stdout, r.Stderr)
	}
	if checks < 1000 {
		t.Errorf("only %d checks", checks)
	}
	healthyKernel(t, b)
}

// The kernel's own judge of drivers has nothing to say against the virtual
// encoder, in any of its shapes, but for one complaint of an old judge about the
// kernel: see lab/vh264/README.md.
func TestModuleCompliance(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	version := b.Must("v4l2-compliance", "--version")
	old := strings.Contains(version, " 1.22.")
	for shape, format := range []string{"", "", " (N-C)"} { // the first NV12 that it comes to
		t.Run(fmt.Sprintf("multiplanar=%d", shape), func(t *testing.T) {
			want, failed := "", "0"
			if old {
				want = fmt.Sprintf("fmtdesc.description mismatch: was 'Y/UV 4:2:0%s', expected 'Y/CbCr 4:2:0%[1]s'", format)
				failed = "1"
			}
			b.LoadModule("vh264", fmt.Sprintf("multiplanar=%d", shape))
			defer b.Must("rmmod", "vh264")
			r, err := b.Run(t.Context(), "v4l2-compliance", "-d", "/dev/video0", "-s")
			var got []string
			for _, m := range regexp.MustCompile(`(?m)^\s*(?:fail|warn): [^:]+: (.*)$`).FindAllStringSubmatch(r.Stdout, -1) {
				got = append(got, m[1])
			}
			total := regexp.MustCompile(`(?m)^Total for vh264 device .*: (\d+), Succeeded: (\d+), Failed: (\d+), Warnings: 0$`).FindStringSubmatch(r.Stdout)
			if total == nil || total[3] != failed || strings.Join(got, "\n") != want {
				t.Errorf("%s: %q, %v\n%s%s", strings.TrimSpace(version), got, err, r.Stdout, r.Stderr)
			}
		})
	}
	healthyKernel(t, b)
}

// healthyKernel fails the test if the kernel has found a fault of its own.
func healthyKernel(t *testing.T, b *box.Box) {
	t.Helper()
	said := b.Must("dmesg")
	if m := regexp.MustCompile(`(?im)^.*\b(WARNING:|BUG:|Oops|Call trace).*$`).FindString(said); m != "" {
		t.Errorf("the kernel says: %s\nof\n%s", m, said)
	}
}
