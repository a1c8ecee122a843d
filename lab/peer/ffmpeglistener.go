package peer

import "path/filepath"

// FFmpegListenerOptions say what an [FFmpegListener] waits for.
type FFmpegListenerOptions struct {
	Scheme    string   // "http" (one body) or "rtsp" (ANNOUNCE and RECORD)
	Path      string   // "/live/one"
	File      string   // name of the recording; its ending chooses the container
	InputArgs []string // before the input: "-rtsp_transport", "udp"
	// Codecs are the arguments of the output's; streams are kept as they are when
	// empty. ffmpeg cannot keep B-frames that come by RTSP: it knows no decode times.
	Codecs []string
}

// FFmpegListener is an ffmpeg that waits for one publisher, records what it
// sends into a file, and ends when the publisher does.
type FFmpegListener struct {
	*server
	file string
	url  string
}

// StartFFmpegListener starts an ffmpeg that listens.
func StartFFmpegListener(tb TB, o FFmpegListenerOptions) *FFmpegListener {
	tb.Helper()
	l := &FFmpegListener{file: filepath.Join(tb.TempDir(), o.File)}
	listen := []string{"-listen", "1"}
	if o.Scheme == "rtsp" {
		listen = []string{"-rtsp_flags", "listen"}
	}
	if len(o.Codecs) == 0 {
		o.Codecs = []string{"-c", "copy"}
	}
	l.server = startServer(tb, Place{}, []string{"tcp"}, func(s []socket) (Command, error) {
		l.url = o.Scheme + "://" + loopback(s[0].port) + o.Path
		args := []string{"ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-y", "-v", "warning"}
		args = append(append(args, listen...), o.InputArgs...)
		args = append(append(args, "-copyts", "-i", l.url, "-map", "0"), o.Codecs...)
		return Command{Name: "ffmpeg", Dir: tb.TempDir(), Args: append(args, l.file)}, nil
	})
	return l
}

// URL is where to publish.
func (l *FFmpegListener) URL() string { return l.url }

// File is what it has recorded; whole once Done is closed.
func (l *FFmpegListener) File() string { return l.file }

// Done is closed once it has ended.
func (l *FFmpegListener) Done() <-chan struct{} { return l.proc.Done() }
