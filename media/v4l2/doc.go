// Package v4l2 is the kernel's Video4Linux and media controller API as Go:
// capabilities, formats, buffer queues, controls, events, timings, EDID,
// selection, dma-buf and topology, without cgo. It is the one place with
// ioctls; what it says is what the driver answered, never what was asked.
//
// A Device may be used by several goroutines, a Queue and a Poller's Wait by
// one each.
//
// A device is waited for by Poller. Its descriptor is not in the runtime's own
// netpoller, which knows nothing of events (POLLPRI), and a V4L2 descriptor
// answers POLLERR whenever nothing is queued: it is in an epoll of the poller's,
// for what it is waited for and no longer, and that is in the netpoller.
//
// On 32-bit machines the ABI with 64-bit times is spoken, so kernels before
// 5.6 are refused there by the kernel itself (ENOTTY).
package v4l2
