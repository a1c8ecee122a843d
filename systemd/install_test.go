package systemd

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheReadmeInstallsEverything runs its commands, into a folder.
func TestTheReadmeInstallsEverything(t *testing.T) {
	m := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(read(t, "README.md"))
	if m == nil {
		t.Fatal("README.md has no commands")
	}
	root := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", m[1])
	cmd.Env = append(os.Environ(), "DESTDIR="+root)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	installed := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			installed[read(t, path)] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") || e.Name() == "README.md" {
			continue
		}
		text := read(t, e.Name())
		path, ok := installed[text]
		if !ok {
			t.Errorf("README.md does not install %s", e.Name())
			continue
		}
		dir := strings.TrimPrefix(filepath.Dir(path), root) + "/"
		if e.Name() != "encoderd.service" && !strings.Contains(text, dir) {
			t.Errorf("%s goes to %s by README.md, and says otherwise itself", e.Name(), dir)
		}
	}
	checkBySystemd(t, root)
}

// checkBySystemd has systemd's own programs read the files, where there are any.
func checkBySystemd(t *testing.T, root string) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return
	}
	// A unit whose program is not there is no good unit.
	unit := filepath.Join(t.TempDir(), "encoderd.service")
	text := strings.Replace(read(t, "encoderd.service"), "ExecStart=/usr/bin/encoderd ", "ExecStart=/bin/true ", 1)
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := [][]string{
		{analyze, "verify", "--man=no", unit},
		{analyze, "security", "--offline=true", "--threshold=20", "--no-pager", unit}, // tenths
	}
	owns := os.Getuid() == 0 // may give files away, in root as elsewhere
	if owns {
		if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil { //nolint:gosec // as it is
			t.Fatal(err)
		}
		commands = append(commands, []string{"systemd-sysusers", "--root=" + root, "encoderbox.conf"},
			[]string{"systemd-tmpfiles", "--create", "--root=" + root, "encoderbox-network.conf"})
	}
	for _, args := range commands {
		out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
		if err != nil || args[1] == "verify" && len(out) > 0 {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
	if !owns {
		return
	}
	if groups := read(t, filepath.Join(root, "etc/group")); !regexp.MustCompile(`(?m)^gpio:.*:encoderbox$`).MatchString(groups) {
		t.Errorf("groups are\n%s", groups)
	}
}
