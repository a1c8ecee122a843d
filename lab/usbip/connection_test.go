package usbip

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// host is the other end of a device's connection.
type host struct {
	t        *testing.T
	conn     net.Conn
	sequence uint32
	done     chan error
}

// plug serves the device within the bubble of synctest.
func plug(t *testing.T, d *Device) *host {
	ours, theirs := net.Pipe()
	h := &host{t: t, conn: theirs, done: make(chan error, 1)}
	go func() { h.done <- d.Serve(t.Context(), ours) }()
	return h
}

func (h *host) unplug() {
	require.NoError(h.t, h.conn.Close())
	require.NoError(h.t, <-h.done)
}

func (h *host) send(b []byte) {
	_, err := h.conn.Write(b)
	require.NoError(h.t, err)
}

// control sends a SETUP packet, and wants an answer without data.
func (h *host) control(packet string, data []byte) {
	h.sequence++
	b := make([]byte, headerSize, headerSize+len(data))
	for i, v := range []uint32{cmdSubmit, h.sequence, deviceID, 0, 0, 0, uint32(len(data))} { //nolint:gosec // of tests
		binary.BigEndian.PutUint32(b[4*i:], v)
	}
	copy(b[40:], unhex(h.t, packet))
	h.send(append(b, data...))
	kind, sequence, status, _ := h.answer()
	require.Equal(h.t, []uint32{retSubmit, h.sequence, 0}, []uint32{kind, sequence, status})
}

// answer reads one: of an isochronous transfer, with its packets.
func (h *host) answer() (kind, sequence, status uint32, packets [][]byte) {
	head := make([]byte, headerSize)
	_, err := io.ReadFull(h.conn, head)
	require.NoError(h.t, err)
	field := func(i int) uint32 { return binary.BigEndian.Uint32(head[4*i:]) }
	kind, sequence, status = field(0), field(1), field(5)
	if kind != retSubmit || field(8) == 0 {
		return kind, sequence, status, nil
	}
	data := make([]byte, field(6))
	list := make([]byte, isoSize*field(8))
	_, err = io.ReadFull(h.conn, data)
	require.NoError(h.t, err)
	_, err = io.ReadFull(h.conn, list)
	require.NoError(h.t, err)
	for i := range int(field(8)) {
		n := binary.BigEndian.Uint32(list[i*isoSize+8:])
		packets = append(packets, data[:n])
		data = data[n:]
	}
	require.Empty(h.t, data)
	return kind, sequence, status, packets
}

// packets has the device fill n packets, as the kernel does: some transfers wait
// at any time.
func (h *host) packets(endpoint uint32, room, n, each int) [][]byte {
	list := make([]int, each)
	for i := range list {
		list[i] = room
	}
	for range 4 {
		h.sequence++
		h.send(isochronousRequest(h.sequence, endpoint, list...))
	}
	var out [][]byte
	for len(out) < n {
		_, _, status, packets := h.answer()
		require.Zero(h.t, status)
		out = append(out, packets...)
		if len(out)+3*each < n { // three more are on their way
			h.sequence++
			h.send(isochronousRequest(h.sequence, endpoint, list...))
		}
	}
	return out
}

// pictures puts payloads together as a host does, without the piece of one at
// the end.
func pictures(t *testing.T, packets [][]byte) (out [][]byte) {
	t.Helper()
	var one []byte
	frame := byte(0xFF)
	for _, p := range packets {
		if len(p) == 0 {
			continue
		}
		require.Equal(t, byte(payloadHeader), p[0])
		if one == nil {
			require.NotEqual(t, frame, p[1]&1, "the frame id changes")
			frame = p[1] & 1
		}
		require.Equal(t, frame, p[1]&1, "the frame id stays within a picture")
		one = append(one, p[payloadHeader:]...)
		if p[1]&2 != 0 {
			out = append(out, one)
			one = nil
		}
	}
	return out
}

const (
	videoOn = "010b010001000000"
	audioOn = "010b010003000000"
)

func TestPicturesComeAtTheirRateByTheBusClock(t *testing.T) {
	for _, format := range []byte{formatYUYV, formatMJPEG} {
		synctest.Test(t, func(t *testing.T) {
			d := grabber()
			h := plug(t, d)
			h.control("2101000201002200", probeOf(format, 1, 333333))
			h.control(videoOn, nil)
			start := d.now()
			got := pictures(t, h.packets(videoEndpoint, smallPayload, 8000, 32))
			assert.InDelta(t, 2*time.Second, d.now()-start, float64(2*moderation), "8000 packets of 250 µs")
			assert.InDelta(t, 60, len(got), 2)
			for i, p := range got {
				y := luma(t, sizes()[0], format == formatMJPEG, p)
				number, flashes, ok := Read(y, 320, 320, 180)
				require.True(t, ok)
				require.Equal(t, int64(i+1), number, "none is left out")
				assert.Equal(t, number%30 < 3, flashes)
			}
			h.unplug()
		})
	}
}

func TestSoundBeepsAsThePictureFlashes(t *testing.T) {
	for ppm, want := range map[int]int{0: 48000 * 3, 200: 48000*3 + 28, -200: 48000*3 - 28} {
		synctest.Test(t, func(t *testing.T) {
			d := grabber()
			d.Change(func(f *Faults) { f.AudioPPM = ppm })
			h := plug(t, d)
			h.control(audioOn, nil)
			var samples []int16
			for _, p := range h.packets(audioEndpoint, audioPayload, 3000, 8) {
				for ; len(p) > 0; p = p[4:] {
					require.Equal(t, p[:2], p[2:4], "left and right")
					samples = append(samples, int16(binary.LittleEndian.Uint16(p))) //nolint:gosec // two's complement is meant
				}
			}
			assert.InDelta(t, want, len(samples), 2)
			for i, v := range samples {
				if at := i % 48000; at > 50 && at < 4750 {
					continue // it beeps, through zero at times
				} else if at > 4850 && at < 47950 {
					require.Zero(t, v, "sample %d", i)
				}
			}
			assert.NotZero(t, samples[12], "a quarter of the tone's first period")
			h.unplug()
		})
	}
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := grabber()
		h := plug(t, d)
		h.control("2101000201002200", probeOf(formatMJPEG, 1, 333333))
		h.control(videoOn, nil)
		h.control(audioOn, nil)
		second := func() [][]byte { return pictures(t, h.packets(videoEndpoint, smallPayload, 4000, 32)) }

		d.Change(func(f *Faults) { f.Stalled, f.Muted = true, true })
		assert.Empty(t, second())
		for _, p := range h.packets(audioEndpoint, audioPayload, 1000, 8) {
			require.NotEmpty(t, p)
			require.Equal(t, make([]byte, len(p)), p)
		}
		d.Change(func(f *Faults) { *f = Faults{Pattern: Moving, Truncate: 3, Silent: true} })
		whole := 0
		for i, p := range second() {
			if string(p[len(p)-2:]) == "\xFF\xD9" {
				whole++
				require.GreaterOrEqual(t, i, 3)
			}
		}
		assert.InDelta(t, 27, whole, 2)
		for _, p := range h.packets(audioEndpoint, audioPayload, 100, 8) {
			require.Empty(t, p)
		}
		d.Change(func(f *Faults) { f.Pattern = Frozen })
		frozen := second()
		for _, p := range frozen[2:] {
			require.Equal(t, frozen[1], p)
		}
		h.unplug()
	})
}

func TestUnlinkTakesAWaitingTransferBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := plug(t, grabber())
		h.send(isochronousRequest(100, videoEndpoint, 1024, 1024))
		unlink := make([]byte, headerSize)
		for i, v := range []uint32{cmdUnlink, 101, deviceID, 0, 0, 100} {
			binary.BigEndian.PutUint32(unlink[4*i:], v)
		}
		h.send(unlink)
		kind, sequence, status, _ := h.answer()
		assert.Equal(t, []uint32{retUnlink, 101, 0xFFFFFF98}, []uint32{kind, sequence, status})
		h.send(unlink) // it is not there any more
		_, _, status, _ = h.answer()
		assert.Zero(t, status)
		h.unplug()
	})
}

// Data of the other direction, and endpoints that are not there.
func TestOtherEndpointsStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := plug(t, grabber())
		b := make([]byte, headerSize)
		for i, v := range []uint32{cmdSubmit, 1, deviceID, 1, 5, 0, 64} {
			binary.BigEndian.PutUint32(b[4*i:], v)
		}
		h.send(b)
		_, _, status, _ := h.answer()
		assert.Equal(t, uint32(0xFFFFFFE0), status)
		h.unplug()
	})
}

func TestServeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- grabber().Serve(ctx, ours) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		_, err := theirs.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestAHostThatBreaksTheProtocolIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := plug(t, grabber())
		h.send(make([]byte, headerSize))
		require.ErrorContains(t, <-h.done, "usbip: read from the host: usbip: command 0")
	})
}
