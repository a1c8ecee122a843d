package peer

import (
	"context"
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What the endpoint is made of: its program, and werift in an exact version with
// checksums.
//
//go:embed werift/package.json werift/package-lock.json werift/endpoint.js
var weriftFiles embed.FS

// Werift is a WHIP endpoint on werift, WebRTC in pure TypeScript.
type Werift struct {
	dir  string
	port int
}

// WeriftReport is what an ended publication has brought, by kind ("video").
type WeriftReport map[string]struct {
	Packets int    `json:"packets"`
	Bytes   int    `json:"bytes"`
	First   uint32 `json:"first"` // RTP timestamp of the first packet
	Head    []byte `json:"head"`  // its payload
	Report  struct {
		NTP string `json:"ntp"` // 64 bits, decimal
		RTP uint32 `json:"rtp"`
	} `json:"report"`
}

// StartWerift starts an endpoint. werift is fetched from npm once, and kept under
// the user's cache folder.
func StartWerift(tb TB) *Werift {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	home, err := NPM(ctx, "werift", weriftFiles, "werift")
	if err != nil {
		tb.Fatalf("%v", err)
	}
	w := &Werift{dir: tb.TempDir()}
	p := Start(tb, Command{Name: "werift", Args: []string{"node", filepath.Join(home, "endpoint.js"), w.dir}})
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && !p.ended(); time.Sleep(20 * time.Millisecond) {
		var hello struct {
			Port int `json:"port"`
		}
		line, _, ok := strings.Cut(p.Log(), "\n")
		if ok && json.Unmarshal([]byte(line), &hello) == nil && hello.Port != 0 {
			w.port = hello.Port
			return w
		}
	}
	tb.Fatalf("peer: werift does not start: %s", p.Log())
	return nil
}

// URL is the target to publish to.
func (w *Werift) URL() string { return "whip+http://127.0.0.1:" + strconv.Itoa(w.port) + "/whip" }

// Video is the file with the H.264 of the last publication that was ended.
func (w *Werift) Video() string { return filepath.Join(w.dir, "video.h264") }

// Report is that of the last publication that was ended.
func (w *Werift) Report() (WeriftReport, error) {
	b, err := os.ReadFile(filepath.Join(w.dir, "report.json"))
	if err != nil {
		return nil, fmt.Errorf("peer: read werift's report: %w", err)
	}
	var r WeriftReport
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("peer: read werift's report: %w", err)
	}
	return r, nil
}

// Began is when the first packet of a kind was, by its sender report. clock is that
// of the kind's RTP timestamps.
func (r WeriftReport) Began(kind string, clock int64) (time.Duration, error) {
	one := r[kind]
	ntp, err := strconv.ParseUint(one.Report.NTP, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("peer: werift got no sender report of %s: %w", kind, err)
	}
	at := time.Duration(ntp>>32)*time.Second + time.Duration((ntp&0xffffffff)*uint64(time.Second)>>32)
	return at + time.Duration(int32(one.First-one.Report.RTP))*time.Second/time.Duration(clock), nil
}

// WeriftPacket is one packet of sound.
type WeriftPacket struct {
	Timestamp uint32
	Payload   []byte
}

// Sound is that of the last publication that was ended.
func (w *Werift) Sound() ([]WeriftPacket, error) {
	b, err := os.ReadFile(filepath.Join(w.dir, "audio.rtp"))
	if err != nil {
		return nil, fmt.Errorf("peer: read werift's sound: %w", err)
	}
	var all []WeriftPacket
	for len(b) >= 6 {
		n := 6 + int(binary.BigEndian.Uint16(b[4:]))
		if n > len(b) {
			return all, errors.New("peer: werift's sound is cut off")
		}
		all = append(all, WeriftPacket{binary.BigEndian.Uint32(b), b[6:n]})
		b = b[n:]
	}
	return all, nil
}
