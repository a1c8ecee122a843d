//go:build amd64 || arm64

package v4l2

// userPtr is a pointer that the kernel declares as __u64.
type userPtr[T any] struct {
	p *T
}
