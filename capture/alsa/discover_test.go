package alsa

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

func link(to string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// A Raspberry Pi with an HDMI bridge, a USB grabber and a USB microphone.
var (
	proc = fstest.MapFS{
		"cards": file(` 0 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0
                      vc4-hdmi-0
 1 [tc358743       ]: simple-card - tc358743
                      tc358743
 2 [Capture        ]: USB-Audio - USB3.0 HD Video Capture
                      MACROSILICON USB3.0 HD Video Capture at usb-0000:01:00.0-1.4, super speed
 4 [Snowball       ]: USB-Audio - Blue Snowball
                      BLUE MICROPHONE Blue Snowball at usb-0000:01:00.0-1.1, full speed
`),
		"pcm": file(`00-00: MAI PCM i2s-hifi-0 : MAI PCM i2s-hifi-0 : playback 1
01-00: simple-card-codec-link dir-hifi-0 : simple-card-codec-link dir-hifi-0 : capture 1
02-01: USB Audio : USB Audio #1 : capture 1
02-00: USB Audio : USB Audio : playback 1
04-00: USB Audio : USB Audio : capture 1
`),
	}
	sys = fstest.MapFS{
		"class/sound/card1":                         link("../../devices/platform/sound/sound/card1"),
		"devices/platform/sound/sound/card1/device": link("../../../sound"),
		"class/sound/card2":                         link("../../devices/platform/scb/pci0000:00/0000:01:00.0/usb2/2-1/2-1.4/2-1.4:1.2/sound/card2"),
		"devices/platform/scb/pci0000:00/0000:01:00.0/usb2/2-1/2-1.4/2-1.4:1.2/sound/card2/device": link("../../../2-1.4:1.2"),
		"class/sound/card4": link("../../devices/platform/scb/pci0000:00/0000:01:00.0/usb1/1-1/1-1.1/1-1.1:1.0/sound/card4"),
		"devices/platform/scb/pci0000:00/0000:01:00.0/usb1/1-1/1-1.1/1-1.1:1.0/sound/card4/device": link("../../../1-1.1:1.0"),
	}
)

func TestCardsThatCapture(t *testing.T) {
	cards, err := Cards(proc, sys)
	require.NoError(t, err)
	require.Equal(t, []Card{
		{Number: 1, ID: "tc358743", Driver: "simple-card", Name: "tc358743", Parent: "devices/platform/sound"},
		{Number: 2, ID: "Capture", Driver: "USB-Audio", Name: "USB3.0 HD Video Capture", Device: 1,
			Parent: "devices/platform/scb/pci0000:00/0000:01:00.0/usb2/2-1/2-1.4/2-1.4:1.2", USB: "2-1.4"},
		{Number: 4, ID: "Snowball", Driver: "USB-Audio", Name: "Blue Snowball",
			Parent: "devices/platform/scb/pci0000:00/0000:01:00.0/usb1/1-1/1-1.1/1-1.1:1.0", USB: "1-1.1"},
	}, cards)
	require.Equal(t, "USB3.0 HD Video Capture (hw:2,1)", cards[1].String())
}

func TestNoDriverIsNoCard(t *testing.T) {
	for name, proc := range map[string]fstest.MapFS{
		"no folder": {}, "no cards": {"cards": file("--- no soundcards ---\n"), "pcm": file("")},
		"no devices": {"cards": proc["cards"]},
	} {
		cards, err := Cards(proc, fstest.MapFS{})
		require.NoError(t, err, name)
		require.Empty(t, cards, name)
	}
}

func TestWhichCardIsTaken(t *testing.T) {
	const grabber = "devices/platform/scb/pci0000:00/0000:01:00.0/usb2/2-1/2-1.4/2-1.4:1.0"
	one := fstest.MapFS{"cards": file(" 3 [Loopback       ]: Loopback - Loopback\n"), "pcm": file("03-00: Loopback PCM : Loopback PCM : playback 8 : capture 8\n")}
	for name, c := range map[string]struct {
		selector, video string
		hints           []string
		proc            fs.FS
		card, device    int
		detail          string
	}{
		"auto, the grabber's own":           {video: grabber, hints: []string{"tc358743"}, card: 2, device: 1},
		"auto, by the name of a USB device": {selector: "auto", video: "2-1.4", card: 2, device: 1},
		"auto, the bridge by its hint":      {video: "devices/platform/soc/fe801000.csi", hints: []string{"unknown", "TC358743"}, card: 1},
		"auto, a picture without sound":     {video: "1-1.3", detail: `no sound card belongs to the picture; set audio_device to one of "tc358743" (tc358743), "Capture" (USB3.0 HD Video Capture), "Snowball" (Blue Snowball)`},
		"auto, nothing known":               {detail: "no sound card belongs to the picture"},
		"auto, the only one":                {proc: one, video: "1-1.3", card: 3},
		"auto, none":                        {proc: fstest.MapFS{}, detail: "no sound card captures"},
		"number and device":                 {selector: "hw:2,1", card: 2, device: 1},
		"number":                            {selector: "hw:2", card: 2, device: 1},
		"another device":                    {selector: "hw:1,3", card: 1, device: 3},
		"id in hw":                          {selector: "hw:Snowball,0", card: 4},
		"id":                                {selector: "Snowball", card: 4},
		"name":                              {selector: "USB3.0 HD Video Capture", card: 2, device: 1},
		"part of the name":                  {selector: "snow", card: 4},
		"unknown":                           {selector: "hw:9,0", detail: `no sound card "hw:9,0"; there is "tc358743"`},
		"plays only":                        {selector: "vc4hdmi0", detail: `no sound card "vc4hdmi0"`},
		"bad device":                        {selector: "hw:1,x", detail: `"hw:1,x"`},
		"none":                              {selector: None, detail: "sound is switched off"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.proc == nil {
				c.proc = proc
			}
			a := New(Config{Selector: c.selector, Video: func() string { return c.video }, Hints: c.hints, Proc: c.proc, Sys: sys}, media.NewClock())
			card, err := a.choose()
			if c.detail != "" {
				require.ErrorContains(t, err, c.detail)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.card, card.Number)
			require.Equal(t, c.device, card.Device)
		})
	}
}

func TestNoCardIsASignalNotAFailure(t *testing.T) {
	_, err := New(Config{Selector: "hw:7,0", Proc: fstest.MapFS{}, Sys: fstest.MapFS{}}, media.NewClock()).Open(t.Context())
	var signal *capture.SignalError
	require.ErrorAs(t, err, &signal)
	require.Equal(t, capture.SignalDeviceLost, signal.Signal)
}
