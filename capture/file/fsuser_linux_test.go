package file

import (
	"runtime"
	"syscall"
)

// withFSUser runs f on a thread that opens files as the given user. The thread
// stays locked, so that it ends with the goroutine.
func withFSUser(uid uintptr, f func() error) error {
	runtime.LockOSThread()
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETFSUID, uid, 0, 0); e != 0 {
		return e
	}
	return f()
}
