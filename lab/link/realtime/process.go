package realtime

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/lab/link"
)

// process is a running sender.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	stop  func() bool
	ended bool
	log   string // file
}

// tail is the end of the sender's log.
func (p *process) tail() string {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// start starts a sender and returns once it is connected.
func (b Bench) start(ctx context.Context, l *link.Link, dir string, j job) (*process, error) {
	cmd := exec.Command("/proc/self/exe", SenderArgument)
	log, err := os.Create(filepath.Join(dir, "sender.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the sender has its own descriptor
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	do := urgently(l.SenderNS().Do)
	if j.Live {
		do = eagerly(l.SenderNS().Do)
	}
	if err := do(cmd.Start); err != nil {
		return nil, fmt.Errorf("start the sender: %w", err)
	}
	p := &process{cmd: cmd, in: in, out: bufio.NewReader(out), log: log.Name()}
	p.stop = context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	text, err := json.Marshal(j)
	if err == nil {
		_, err = p.in.Write(append(text, '\n'))
	}
	line := ""
	if err == nil {
		line, err = p.out.ReadString('\n')
	}
	if err != nil || strings.TrimSpace(line) != ready {
		p.kill()
		return nil, fmt.Errorf("the sender does not begin: %w\n%s", errors.Join(err, ctx.Err()), p.tail())
	}
	return p, nil
}

func (p *process) begin(zero time.Duration) { fmt.Fprintln(p.in, int64(zero)) }

// account is what the sender has done, once it has ended.
func (p *process) account() (a account, err error) {
	if err := json.NewDecoder(p.out).Decode(&a); err != nil {
		p.kill()
		return a, fmt.Errorf("the sender gives no account: %w\n%s", err, p.tail())
	}
	p.ended = true
	p.stop()
	return a, p.cmd.Wait()
}

func (p *process) kill() {
	if p.ended {
		return
	}
	p.ended = true
	p.stop()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
