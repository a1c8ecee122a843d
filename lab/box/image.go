package box

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// image is where the parts of the box are on the host.
type image struct {
	kernel    string // file
	release   string // of the kernel
	initramfs string // file
	userland  string // folder, /usr in the box
	modules   string // folder, /lib/modules
	ffmpeg    string // folder, /opt/ffmpeg
	systemd   string // folder, for boxes that ask for it
	said      string // what the image script had to tell, such as why a module is missing
}

// findImage has the image script build what has changed since make lab-box
// (modules, agent, initramfs; no network), and reads where it all is.
func findImage(ctx context.Context) (image, error) {
	top, err := checkout()
	if err != nil {
		return image{}, err
	}
	if _, err := exec.LookPath("qemu-system-aarch64"); err != nil {
		return image{}, errors.New("box: qemu-system-aarch64 is not installed: run make lab-box")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(top, "lab/box/image.sh"), "lenient")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return image{}, fmt.Errorf("box: find the box's image: %w:\n%s", err, strings.TrimSpace(stderr.String()))
	}
	img := image{said: strings.TrimSpace(stderr.String())}
	fields := map[string]*string{
		"kernel": &img.kernel, "release": &img.release, "initramfs": &img.initramfs,
		"userland": &img.userland, "modules": &img.modules, "ffmpeg": &img.ffmpeg, "systemd": &img.systemd,
	}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if field := fields[key]; field != nil {
			*field = value
		}
	}
	for key, field := range fields {
		if *field == "" {
			return image{}, fmt.Errorf("box: lab/box/image.sh did not say where %s is:\n%s", key, out)
		}
	}
	return img, nil
}

// checkout is the folder with this module's go.mod, upward from the present one.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("box: find the checkout: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "lab/box/image.sh")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("box: %s is not in a checkout of encoderbox", dir)
		}
	}
}
