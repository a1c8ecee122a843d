package netns_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/link/netns"
)

func made(t *testing.T) *netns.Namespace {
	t.Helper()
	n, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// where is the namespace of the calling thread.
func where(t *testing.T) string {
	t.Helper()
	s, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everywhere is the namespaces of all threads.
func everywhere(t *testing.T) (all []string) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		s, err := os.Readlink("/proc/self/task/" + task.Name() + "/ns/net")
		if err == nil && !slices.Contains(all, s) { // a thread may have ended
			all = append(all, s)
		}
	}
	return all
}

func files(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestDoGoesThereAndComesBack(t *testing.T) {
	home := where(t)
	n := made(t)
	var inside string
	failure := errors.New("failure")
	if err := n.Do(func() error { inside = where(t); return failure }); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	if inside == home {
		t.Error("the code ran outside")
	}
	if got := everywhere(t); !slices.Equal(got, []string{home}) {
		t.Errorf("threads are in %v, home is %s", got, home)
	}
}

func TestDoComesBackFromAPanicAndAnEndedGoroutine(t *testing.T) {
	home := where(t)
	n := made(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		_ = n.Do(func() error { panic("oh") })
	}()
	var done sync.WaitGroup
	done.Go(func() { _ = n.Do(func() error { runtime.Goexit(); return nil }) })
	done.Wait()
	if got := everywhere(t); !slices.Equal(got, []string{home}) {
		t.Errorf("threads are in %v, home is %s", got, home)
	}
}

func TestNestedDo(t *testing.T) {
	a, b := made(t), made(t)
	var outer, inner, after string
	err := a.Do(func() error {
		outer = where(t)
		err := b.Do(func() error { inner = where(t); return nil })
		after = where(t)
		return err
	})
	if err != nil || outer == inner || outer != after {
		t.Errorf("in %s, then %s, then %s: %v", outer, inner, after, err)
	}
}

func TestProcessesAndSocketsStayInside(t *testing.T) {
	n := made(t)
	var inside string
	if err := n.Do(func() error { inside = where(t); return nil }); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("readlink", "/proc/self/ns/net")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := n.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || strings.TrimSpace(out.String()) != inside {
		t.Errorf("the process was in %q, not in %s: %v", out.String(), inside, err)
	}
	l, err := n.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })}
	var served sync.WaitGroup
	served.Go(func() { _ = srv.Serve(l) })
	defer served.Wait()
	defer srv.Close()
	if c, err := net.Dial("tcp4", l.Addr().String()); err == nil {
		c.Close()
		t.Error("it is reached from outside")
	}
	tr := n.Transport()
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); string(b) != "hello" || err != nil {
		t.Errorf("answer %q, %v", b, err)
	}
}

func TestSysctlsAreOfTheNamespaceAlone(t *testing.T) {
	const path = "ipv4/tcp_no_metrics_save"
	outside, err := os.ReadFile("/proc/sys/net/" + path)
	if err != nil {
		t.Fatal(err)
	}
	n := made(t)
	for _, want := range []string{"0", "1"} {
		if err := n.SetSysctl(path, want); err != nil {
			t.Fatal(err)
		}
		if got, err := n.Sysctl(path); got != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if now, err := os.ReadFile("/proc/sys/net/" + path); err != nil || !bytes.Equal(now, outside) {
			t.Errorf("outside it is %q, was %q: %v", now, outside, err)
		}
	}
	if err := n.SetSysctl("ipv4/no_such_thing", "1"); err == nil {
		t.Error("a value nobody knows was set")
	}
}

func TestClosedNamespace(t *testing.T) {
	before := files(t)
	n := made(t)
	if n.Path() == "" {
		t.Error("no path")
	}
	for range 2 {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := n.Do(func() error { t.Error("called"); return nil }); err == nil {
		t.Error("no error")
	}
	if n.Path() != "" {
		t.Error("a path")
	}
	if now := files(t); now != before {
		t.Errorf("%d open files, %d before", now, before)
	}
}

// Without CAP_SYS_ADMIN, which root can take from one of its threads.
func TestWithoutPermission(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	home := where(t)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	data[0].Effective &^= 1 << unix.CAP_SYS_ADMIN
	if err := unix.Capset(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	n, err := netns.New()
	data[0].Effective |= 1 << unix.CAP_SYS_ADMIN
	if err := unix.Capset(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	if n != nil || !errors.Is(err, netns.ErrPermission) || err.Error() != "netns: make a namespace: "+netns.ErrPermission.Error() {
		t.Errorf("error %v", err)
	}
	if where(t) != home {
		t.Error("the thread is elsewhere")
	}
}
