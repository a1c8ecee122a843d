package hardware

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/models"
	"github.com/encoderbox/encoderbox/encode/m2m"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// Report is what encoderd -probe found. Its JSON form is for programs and for
// bug reports; it holds nothing secret.
type Report struct {
	Model     ReportModel     `json:"model"`
	Kernel    string          `json:"kernel"` // "6.1.0-50-arm64 aarch64"
	Tree      []string        `json:"device_tree"`
	Capture   []ReportCapture `json:"capture"`
	Encoders  []ReportEncoder `json:"encoders"` // the one that is taken first
	Other     []ReportNode    `json:"other"`    // video nodes that are neither
	Media     []string        `json:"media"`    // media controllers
	Sound     []ReportSound   `json:"sound"`
	Panel     ReportPanel     `json:"panel"`
	Watchdogs []string        `json:"watchdogs"`
	Serial    []string        `json:"serial"`
	Problems  []string        `json:"problems"` // what stands in the way, and what to do
	Models    []string        `json:"models"`   // that are known
}

// ReportModel is the model that was taken.
type ReportModel struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	How   string `json:"how"`   // it was found
	Tried string `json:"tried"` // on what it was seen to work; "" for nothing yet
}

// ReportNode is a video node.
type ReportNode struct {
	Path   string `json:"path"`
	Driver string `json:"driver"`
	Card   string `json:"card"`
	Bus    string `json:"bus"`
	Role   string `json:"role"` // of a capture device "hdmi", "usb" or "camera"
}

// ReportCapture is a node that delivers pictures.
type ReportCapture struct {
	ReportNode
	Select  string         `json:"select"` // value of input.device that means it
	Inputs  []string       `json:"inputs"`
	Formats []ReportFormat `json:"formats"`
	Quirks  []ReportQuirk  `json:"quirks"`            // of the model
	Problem string         `json:"problem,omitempty"` // why it cannot be used
}

// ReportFormat is a pixel format of a device.
type ReportFormat struct {
	FourCC string   `json:"fourcc"`
	Use    string   `json:"use"` // "raw", "decoded (MJPEG)", "needs an ISP", "not used"
	Sizes  []string `json:"sizes"`
}

// ReportEncoder is a hardware encoder for H.264.
type ReportEncoder struct {
	ReportNode
	Raw     []string      `json:"raw"`     // formats that it takes
	Lacks   []string      `json:"lacks"`   // controls that it does not have: a change costs a restart
	Limit   string        `json:"limit"`   // of the model: "1920x1920, level 4.0"
	Quirks  []ReportQuirk `json:"quirks"`  // of the model
	Problem string        `json:"problem"` // why it could not be asked
}

// ReportQuirk is a quirk that the model knows of.
type ReportQuirk struct {
	Is     string `json:"is"`
	Value  int    `json:"value,omitempty"`
	Text   string `json:"text,omitempty"`
	Source string `json:"source"`
}

// Probe looks at the machine. It opens devices and asks them; it changes
// nothing, and disturbs no stream.
func (b *Box) Probe() Report {
	r := Report{
		Model:  ReportModel{b.model.Name, b.model.Title, b.how, b.model.Tried},
		Kernel: kernelRelease(), Tree: deviceTreeCompatible(b.root), Models: models.Names(),
		Media: b.deviceFiles("dev", "media"), Watchdogs: b.deviceFiles("dev", "watchdog"),
		Serial: b.serialPorts(), Sound: b.soundCards(), Panel: b.panel(),
	}
	nodes, err := b.nodes()
	if err != nil {
		r.problem("%v", err)
	}
	b.probeEncoders(&r)
	b.probeCaptures(&r, nodes)
	for _, n := range nodes {
		if !r.has(n.Path) {
			r.Other = append(r.Other, node(n, role(n.Info)))
		}
	}
	b.judge(&r)
	r.fill()
	return r
}

// has says whether a node is listed as a capture device or an encoder.
func (r *Report) has(path string) bool {
	return slices.ContainsFunc(r.Encoders, func(e ReportEncoder) bool { return e.Path == path }) ||
		slices.ContainsFunc(r.Capture, func(c ReportCapture) bool { return c.Path == path })
}

// fill makes what is empty an empty list in JSON, and not null.
func (r *Report) fill() {
	r.Tree, r.Capture, r.Encoders = orEmpty(r.Tree), orEmpty(r.Capture), orEmpty(r.Encoders)
	r.Other, r.Media, r.Sound = orEmpty(r.Other), orEmpty(r.Media), orEmpty(r.Sound)
	r.Watchdogs, r.Serial, r.Problems = orEmpty(r.Watchdogs), orEmpty(r.Serial), orEmpty(r.Problems)
	p := &r.Panel
	p.Buttons, p.LEDs, p.Missing = orEmpty(p.Buttons), orEmpty(p.LEDs), orEmpty(p.Missing)
	for i := range r.Capture {
		c := &r.Capture[i]
		c.Inputs, c.Formats, c.Quirks = orEmpty(c.Inputs), orEmpty(c.Formats), orEmpty(c.Quirks)
		for j := range c.Formats {
			c.Formats[j].Sizes = orEmpty(c.Formats[j].Sizes)
		}
	}
	for i := range r.Encoders {
		e := &r.Encoders[i]
		e.Raw, e.Lacks, e.Quirks = orEmpty(e.Raw), orEmpty(e.Lacks), orEmpty(e.Quirks)
	}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// judge says what a stream would lack here.
func (b *Box) judge(r *Report) {
	usable := slices.ContainsFunc(r.Capture, func(c ReportCapture) bool { return c.Problem == "" })
	if !usable {
		r.problem("no capture device: plug one in, or load its driver (a CSI bridge needs its device tree overlay); until then, input.kind \"pattern\" or \"file\"")
	}
	if len(r.Encoders) == 0 {
		says := "no hardware encoder, so the CPU encodes; known are those of the drivers %s"
		if b.expectsEncoder() {
			says = "no hardware encoder, so the CPU encodes, though this model has one: load its driver, %s"
		}
		r.problem(says, b.encoderDrivers())
	}
}

func node(n v4l2.Node, role string) ReportNode {
	return ReportNode{n.Path, n.Info.Driver, n.Info.Card, n.Info.Bus, role}
}

func role(i v4l2.Info) string {
	switch _, _, m2m := i.M2M(); {
	case m2m:
		return "memory to memory"
	case i.Caps.Has(v4l2.CapVideoOutput), i.Caps.Has(v4l2.CapVideoOutputMplane):
		return "output"
	case i.Caps.Has(v4l2.CapMetaCapture):
		return "metadata"
	}
	return "other"
}

func (b *Box) probeEncoders(r *Report) {
	found, err := b.encoders()
	if err != nil {
		r.problem("encoders: %v", err)
	}
	for i, f := range found {
		e := ReportEncoder{ReportNode: ReportNode{f.Path, f.Info.Driver, f.Info.Card, f.Info.Bus, "H.264 encoder"}}
		if i > 0 {
			e.Role += ", not taken"
		}
		for _, c := range f.Raw {
			e.Raw = append(e.Raw, c.String())
		}
		e.Limit, e.Quirks = limits(b.known(f))
		if e.Lacks, err = missingControls(f); err != nil {
			e.Problem = err.Error()
		}
		r.Encoders = append(r.Encoders, e)
	}
}

// limits is what a model knows of an encoder, for people.
func limits(e board.Encoder) (limit string, quirks []ReportQuirk) {
	var parts []string
	if e.MaxWidth > 0 {
		parts = append(parts, fmt.Sprintf("%dx%d", e.MaxWidth, e.MaxHeight))
	}
	if e.MaxRate > 0 {
		parts = append(parts, fmt.Sprintf("%d pictures a second", e.MaxRate))
	}
	if e.MaxLevel != "" {
		parts = append(parts, "level "+e.MaxLevel)
	}
	for _, q := range e.Quirks {
		quirks = append(quirks, ReportQuirk{Is: string(q.Is), Value: q.Value, Source: q.Source})
	}
	return strings.Join(parts, ", "), quirks
}

// wantedControls are those whose absence costs something.
var wantedControls = []struct {
	id   v4l2.ControlID
	name string
}{
	{v4l2.CtrlBitrate, "bit rate"},
	{v4l2.CtrlForceKeyFrame, "force key frame"},
	{v4l2.CtrlGOPSize, "GOP size"},
	{v4l2.CtrlBitrateMode, "bit rate mode"},
	{v4l2.CtrlH264Profile, "profile"},
	{v4l2.CtrlH264Level, "level"},
}

func missingControls(f m2m.Found) (missing []string, err error) {
	d, err := v4l2.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	for _, c := range wantedControls {
		if _, err := d.Control(c.id); err != nil {
			missing = append(missing, c.name)
		}
	}
	return missing, nil
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
}
