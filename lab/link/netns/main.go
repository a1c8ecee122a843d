package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// marker in the environment tells a program that Main started it.
const marker = "ENCODERBOX_NETNS"

// Main calls f where the program may make namespaces, for main and TestMain. When it
// is not root, it runs itself again as root of a user namespace of its own
// (user_namespaces(7)), which has no network but a loopback interface, with the same
// arguments, and returns that one's exit code. Where the system does not allow this,
// f is called as it is, and [New] says why not.
func Main(f func() int) int {
	if os.Getenv(marker) != "" {
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if os.Geteuid() == 0 {
		return f()
	}
	runtime.LockOSThread() // Pdeathsig is sent when this thread ends
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), marker+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// One cannot come back to a network namespace of another user namespace.
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "netns: this user may not make a user namespace:", err)
		return f()
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return max(1, exit.ExitCode()) // a signal is -1
	case err != nil:
		fmt.Fprintln(os.Stderr, "netns: run this program again as root of a user namespace:", err)
		return 1
	}
	return 0
}
