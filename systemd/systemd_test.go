// Package systemd has no code: its test holds the units and rules here against what the daemon does.
package systemd

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/board/models"
)

// device is a kind of device that the daemon opens.
type device struct {
	nodes string // those in /dev
	allow string // of the unit
	group string // that may open it
	rule  string // of ours that gives it to the group; "" where systemd's own do (50-udev-default.rules)
}

func devices() []device {
	return []device{
		{`video\d+|v4l-subdev\d+`, "char-81 rw", "video", ""},
		{`media\d+`, "char-media rw", "video", ""},
		{`snd/.+`, "char-116 rw", "audio", ""},
		{`tty[A-Z]+\d+|serial/by-id/.*`, "char-tty[A-Z]* rw", "dialout", ""},
		{`ttymxc\d+`, "char-ttymxc rw", "dialout", ""},
		{`ttyUSB\d+`, "char-188 rw", "dialout", ""},
		{`ttyACM\d+`, "char-166 rw", "dialout", ""},
		{`input/event\d+`, "char-13 rw", "input", ""},
		{`gpiochip\d+`, "char-gpiochip rw", "gpio", `SUBSYSTEM=="gpio", KERNEL=="gpiochip[0-9]*"`},
		{`i2c-\d+`, "char-89 rw", "i2c", `SUBSYSTEM=="i2c-dev", KERNEL=="i2c-[0-9]*"`},
		{`spidev\d+\.\d+`, "char-153 rw", "spi", `SUBSYSTEM=="spidev", KERNEL=="spidev[0-9]*"`},
		{`lcd`, "/dev/char/10:156 w", "encoderbox", `SUBSYSTEM=="misc", KERNEL=="lcd"`},
		{`watchdog`, "/dev/char/10:130 w", "encoderbox", `SUBSYSTEM=="misc", KERNEL=="watchdog"`},
		{`watchdog\d+`, "char-watchdog w", "encoderbox", `SUBSYSTEM=="watchdog", KERNEL=="watchdog[0-9]*"`},
	}
}

// notOpened are device names in the sources that the daemon does not open: always there, or for
// others (partitions are RAUC's).
var notOpened = regexp.MustCompile(`^(null|std(in|out|err)|char/.*|mmcblk\d+p\d+|)$`)

func read(t *testing.T, name string) string {
	t.Helper()
	doc, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

// lines are those of a file that are no comments.
func lines(t *testing.T, name string) (all []string) {
	t.Helper()
	for line := range strings.Lines(read(t, name)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}

// settings are the values of a setting of the unit.
func settings(t *testing.T, key string) (all []string) {
	t.Helper()
	for _, line := range lines(t, "encoderd.service") {
		if value, ok := strings.CutPrefix(line, key+"="); ok {
			all = append(all, value)
		}
	}
	return all
}

// eachFile visits the sources of the product.
func eachFile(t *testing.T, visit func(path string, file *ast.File)) {
	t.Helper()
	for _, top := range []string{"board", "capture", "cmd", "device", "encode", "media", "output"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil {
				visit(path, file)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func literal(n ast.Node) (string, bool) {
	if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
		text, err := strconv.Unquote(l.Value)
		return text, err == nil
	}
	return "", false
}

// named are the devices that sources and models name, and where.
func named(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	name := regexp.MustCompile(`(?:^|[^\w.]|%s)/dev/([\w%./:*-]*)|^(i2c-%d|spidev%d\.%d|tty[A-Z]+\*)$`)
	example := strings.NewReplacer("%d", "0", "%s", "0", "*", "0")
	eachFile(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := literal(n)
			for _, m := range name.FindAllStringSubmatch(text, -1) {
				if ok {
					found[strings.TrimRight(example.Replace(m[1]+m[2]), ".,:;")] = path
				}
			}
			return true
		})
	})
	for _, m := range models.All {
		where := "board/models, " + m.Name
		for _, path := range []string{m.Serial, m.Port, m.Watchdog} {
			found[strings.TrimPrefix(path, "/dev/")] = where
		}
		for _, b := range m.Buttons {
			found[b.Chip] = where
		}
		for _, pin := range []string{m.Display.DC, m.Display.Reset} {
			chip, _, _ := strings.Cut(pin, ":")
			found[chip] = where
		}
	}
	return found
}

func TestEveryDeviceTheDaemonOpensIsAllowed(t *testing.T) {
	found := named(t)
	if len(found) < 10 {
		t.Fatalf("the sources name only %v: the test looks in the wrong place", found)
	}
	for node, where := range found {
		known := slices.ContainsFunc(devices(), func(d device) bool {
			is := regexp.MustCompile(`^(` + d.nodes + `)$`)
			// Some are put together from a beginning: "/dev/input/", "/dev/video".
			return is.MatchString(node) || is.MatchString(node+"0") || is.MatchString(node+"event0")
		})
		if !known && !notOpened.MatchString(node) {
			t.Errorf("/dev/%s (%s) is nothing that encoderd.service is known to allow: add it there, here, and to README.md", node, where)
		}
	}
}

func TestTheUnitAllowsTheseDevicesAndNoOthers(t *testing.T) {
	if got := settings(t, "DevicePolicy"); !slices.Equal(got, []string{"closed"}) {
		t.Errorf("DevicePolicy is %q", got)
	}
	var want []string
	for _, d := range devices() {
		want = append(want, d.allow)
	}
	got := settings(t, "DeviceAllow")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("DeviceAllow is\n%q, want\n%q", got, want)
	}
}

// TestTheUserMayOpenItsDevices: each by a group that it is a member of, without one that could keep
// the service from starting.
func TestTheUserMayOpenItsDevices(t *testing.T) {
	members, rules := lines(t, "encoderbox.conf"), lines(t, "70-encoderbox.rules")
	groups := map[string]bool{"encoderbox": true, "systemd-journal": true}
	for _, d := range devices() {
		groups[d.group] = true
		if d.rule != "" && !slices.Contains(rules, d.rule+`, GROUP="`+d.group+`", MODE="0660"`) {
			t.Errorf("70-encoderbox.rules does not give %s to the group %s", d.rule, d.group)
		}
	}
	delete(groups, "encoderbox")
	var want []string
	for g := range groups {
		want = append(want, "m encoderbox "+g)
	}
	slices.Sort(want)
	got := slices.DeleteFunc(members, func(l string) bool { return !strings.HasPrefix(l, "m ") })
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("encoderbox.conf makes it a member by\n%q, want\n%q", got, want)
	}
	if got := settings(t, "SupplementaryGroups"); got != nil {
		t.Errorf("SupplementaryGroups=%q keeps the daemon from starting where a group is missing", got)
	}
}

func TestLightsAreWritable(t *testing.T) {
	for _, file := range []string{"brightness", "trigger"} {
		rule := `SUBSYSTEM=="leds", TEST=="` + file + `", RUN+="/bin/chgrp encoderbox $sys$devpath/` + file +
			`", RUN+="/bin/chmod g+w $sys$devpath/` + file + `"`
		if !slices.Contains(lines(t, "70-encoderbox.rules"), rule) {
			t.Errorf("no udev rule for %s", file)
		}
	}
	if got := settings(t, "ReadWritePaths"); !slices.Contains(got, "-/sys/devices/platform") {
		t.Errorf("ReadWritePaths is %q: ProtectKernelTunables= makes /sys read-only", got)
	}
}

// TestTheSocketsAreForTheGroup: who opens them is admin.
// Go ends a panic with status 2, as encoderd does without a configuration.
func TestTheDaemonIsStartedAgainHoweverItFails(t *testing.T) {
	for key, want := range map[string][]string{
		"Restart": {"on-failure"}, "StartLimitIntervalSec": {"0"}, "RestartPreventExitStatus": nil, "SuccessExitStatus": nil,
	} {
		if got := settings(t, key); !slices.Equal(got, want) {
			t.Errorf("%s=%q, want %q", key, got, want)
		}
	}
}

func TestTheSocketsAreForTheGroup(t *testing.T) {
	for key, want := range map[string]string{
		"User": "encoderbox", "Group": "encoderbox", "RuntimeDirectory": "encoderbox",
		"RuntimeDirectoryMode": "0750", "StateDirectory": "encoderbox", "StateDirectoryMode": "0750",
	} {
		if got := settings(t, key); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// programs are what the daemon runs, by verb, with the polkit actions that it takes; of one about a
// unit, with the unit and the verb that alone are meant.
func programs() map[string][]string {
	return map[string][]string{
		"systemctl reboot":         {"login1.reboot", "login1.reboot-multiple-sessions"},
		"systemctl poweroff":       {"login1.power-off", "login1.power-off-multiple-sessions"},
		"systemctl restart":        {"systemd1.manage-units systemd-networkd.service restart"},
		"timedatectl show":         nil,
		"timedatectl set-time":     {"timedate1.set-time"},
		"timedatectl set-timezone": {"timedate1.set-timezone"},
		"timedatectl set-ntp":      {"timedate1.set-ntp"},
		"journalctl":               nil, // the group systemd-journal
		"networkctl reload":        {"network1.reload"},
		"networkctl reconfigure":   {"network1.reconfigure"},
		"networkctl delete":        nil, // CAP_NET_ADMIN
		"hostnamectl set-hostname": {"hostname1.set-hostname", "hostname1.set-static-hostname"},
	}
}

// services are those that the daemon commands by D-Bus itself, with the polkit actions that it takes.
// Of ModemManager: Modem.Enable, Modem.Simple and Sim.SendPin. Its org.freedesktop.ModemManager1.Control
// is for scans and the log, which the daemon does not ask for.
func services() map[string][]string {
	return map[string][]string{"org.freedesktop.ModemManager1": {"ModemManager1.Device.Control"}}
}

// commanded says that the sources name the service.
func commanded(t *testing.T, service string) (found bool) {
	t.Helper()
	eachFile(t, func(_ string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := literal(n)
			found = found || ok && text == service
			return true
		})
	})
	return found
}

// run are the programs of systemd that the sources run, with their verbs.
func run(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	program := regexp.MustCompile(`^[a-z]+ctl$`)
	eachFile(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			var words []string
			if f, ok := call.Fun.(*ast.Ident); ok { // a function that runs the program of its name
				words = append(words, f.Name)
			}
			for _, arg := range call.Args {
				if text, ok := literal(arg); ok && !strings.HasPrefix(text, "-") {
					words = append(words, text)
				}
			}
			if len(words) > 0 && program.MatchString(words[0]) {
				if words[0] != "journalctl" && len(words) < 2 {
					return true // the verb is a variable, of such a function
				}
				found[strings.Join(words[:min(len(words), 2)], " ")] = path
			}
			return true
		})
	})
	return found
}

func TestEveryProgramTheDaemonRunsHasItsRights(t *testing.T) {
	found, known := run(t), programs()
	for call, where := range found {
		if _, ok := known[call]; !ok {
			t.Errorf("%s runs %q: say here, and in a file of polkit rules, what it may", where, call)
		}
	}
	var want []string
	for call, actions := range known {
		if found[call] == "" {
			t.Errorf("nothing runs %q any more: take its right away", call)
		}
		for _, a := range actions {
			want = append(want, "org.freedesktop."+a)
		}
	}
	for service, actions := range services() {
		if !commanded(t, service) {
			t.Errorf("nothing commands %s any more: take its right away", service)
		}
		for _, a := range actions {
			want = append(want, "org.freedesktop."+a)
		}
	}
	slices.Sort(want)
	if got := granted(t, "encoderbox", want); !slices.Equal(got, want) {
		t.Errorf("granted are\n%q, want\n%q", got, want)
	}
	if got := granted(t, "alice", want); got != nil {
		t.Errorf("any user may %q", got)
	}
}

// granted runs the rules as polkit does, and returns which of its actions, and of some that nobody
// is to get by them, the user may do.
func granted(t *testing.T, user string, actions []string) (may []string) {
	t.Helper()
	// No rule says the name of an action that is not wanted.
	for _, file := range []string{"encoderbox-system.rules", "encoderbox-network.rules"} {
		for _, id := range regexp.MustCompile(`"(org\.[\w.-]+)"`).FindAllStringSubmatch(read(t, file), -1) {
			if !slices.ContainsFunc(actions, func(a string) bool { return strings.Fields(a)[0] == id[1] }) {
				t.Errorf("%s names %s, which nothing takes", file, id[1])
			}
		}
	}
	actions = append(slices.Clone(actions), "org.freedesktop.login1.reboot-ignore-inhibit", "org.freedesktop.ModemManager1.Control", "org.freedesktop.systemd1.manage-units",
		"org.freedesktop.systemd1.manage-units ssh.service restart", "org.freedesktop.systemd1.manage-units systemd-networkd.service stop", "")
	list, err := json.Marshal(actions)
	if err != nil {
		t.Fatal(err)
	}
	script := `let rules = []; const polkit = {Result: {YES: "yes"}, addRule: f => rules.push(f)};` +
		read(t, "encoderbox-system.rules") + read(t, "encoderbox-network.rules") +
		`console.log(JSON.stringify(` + string(list) + `.filter(action => {
			const [id, unit, verb] = action.split(" "), details = {unit, verb};
			return rules.some(f => f({id, lookup: key => details[key]}, {user: process.argv[1]}) === "yes");
		})))`
	out, err := exec.CommandContext(t.Context(), "node", "-e", script, user).Output()
	if err != nil {
		t.Fatalf("node (Debian package nodejs), which stands for polkit: %v", err)
	}
	if err := json.Unmarshal(out, &may); err != nil {
		t.Fatal(err)
	}
	if len(may) == 0 {
		return nil
	}
	slices.Sort(may)
	return may
}
