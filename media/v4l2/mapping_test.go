package v4l2

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

// memory makes shared memory of n bytes, which maps like a dma-buf but has no
// DMA_BUF_IOCTL_SYNC.
func memory(t *testing.T, n int) (media.DMAMemory, *os.File) {
	t.Helper()
	fd, err := unix.MemfdCreate("mapping-test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "mapping-test")
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(int64(n)); err != nil {
		t.Fatal(err)
	}
	return media.DMAMemory{FD: fd, Length: n}, f
}

func mapped(t *testing.T) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(maps, []byte("mapping-test"))
}

func nv12(w, h, stride int, dma *media.DMA) *media.Buffer {
	b := media.NewBuffer(media.VideoFormat{Width: w, Height: h, Pixel: media.NV12},
		[3]media.Plane{{Stride: stride}, {Stride: stride}}, nil)
	b.DMA = dma
	return b
}

func TestMappingReachesEachPlaneWhereItLies(t *testing.T) {
	const w, h, stride, rows = 60, 40, 64, 48
	one, file := memory(t, stride*rows*3/2)
	luma, lumaFile := memory(t, stride*rows)
	chroma, chromaFile := memory(t, stride*rows/2)
	for _, c := range []struct {
		name    string
		dma     media.DMA
		files   [2]*os.File
		offsets [2]int64
	}{
		{"one memory, chroma behind padded rows", media.DMA{Memory: []media.DMAMemory{one}, Planes: [3]media.DMAPlane{{}, {Offset: stride * rows}}},
			[2]*os.File{file, file}, [2]int64{0, stride * rows}},
		{"a memory each", media.DMA{Memory: []media.DMAMemory{luma, chroma}, Planes: [3]media.DMAPlane{{}, {Memory: 1}}},
			[2]*os.File{lumaFile, chromaFile}, [2]int64{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := MapBuffer(nv12(w, h, stride, &c.dma))
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Begin(true); err != nil { // ENOTTY of a memfd is no error
				t.Fatal(err)
			}
			m.Planes[0].Data[stride+1], m.Planes[1].Data[stride+2] = 'y', 'c'
			if err := m.End(); err != nil {
				t.Fatal(err)
			}
			for i, want := range []byte{'y', 'c'} {
				got := make([]byte, 1)
				if _, err := c.files[i].ReadAt(got, c.offsets[i]+stride+1+int64(i)); err != nil || got[0] != want {
					t.Errorf("plane %d: %q, %v in the memory", i, got, err)
				}
			}
			if !mapped(t) {
				t.Error("the test looks for mappings in the wrong way")
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			if err := m.Close(); err != nil || mapped(t) {
				t.Errorf("second Close: %v; still mapped: %v", err, mapped(t))
			}
		})
	}
}

func TestMappingRefusesWhatDoesNotFit(t *testing.T) {
	mem, _ := memory(t, 64*48*3/2)
	for _, c := range []struct {
		name string
		b    *media.Buffer
		want string
	}{
		{"chroma beyond the end", nv12(60, 40, 64, &media.DMA{Memory: []media.DMAMemory{mem}, Planes: [3]media.DMAPlane{{}, {Offset: 64 * 60}}}), "plane 1 of picture 0"},
		{"stride below the width", nv12(60, 40, 32, &media.DMA{Memory: []media.DMAMemory{mem}}), "40 rows of 32 bytes"},
		{"no such memory", nv12(60, 40, 64, &media.DMA{Memory: []media.DMAMemory{mem}, Planes: [3]media.DMAPlane{{}, {Memory: 1}}}), "memory 1 of 1"},
		{"closed descriptor", nv12(60, 40, 64, &media.DMA{Memory: []media.DMAMemory{mem, {FD: -1, Length: 4096}}}), "memory 1 of picture 0: v4l2: map 4096 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if m, err := MapBuffer(c.b); err == nil || m != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if mapped(t) {
				t.Error("what was mapped before the failure is still mapped")
			}
		})
	}
}

func TestMappingOfOwnMemoryIsTheBufferItself(t *testing.T) {
	planes := [3]media.Plane{{Data: make([]byte, 64), Stride: 8}, {Data: make([]byte, 32), Stride: 8}}
	m, err := MapBuffer(media.NewBuffer(media.VideoFormat{Width: 8, Height: 8, Pixel: media.NV12}, planes, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Begin(true); err != nil {
		t.Fatal(err)
	}
	if &m.Planes[0].Data[0] != &planes[0].Data[0] || &m.Planes[1].Data[0] != &planes[1].Data[0] {
		t.Error("the planes are not the buffer's")
	}
	if err := m.End(); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}
