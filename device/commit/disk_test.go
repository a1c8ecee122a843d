package commit

import (
	"os"
	"testing"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/config/configtest"
)

var _ Disk = (*configtest.Disk)(nil)

const (
	startupFile = "/box/encoderd.toml"
	startupDoc  = `# The box in hall 2.
[streams.main]
video.bitrate = "3M" # the line has 5

[streams.main.destinations.youtube]
url = "rtmp://a.example/live2/geheim-geheim"
`
)

// stand is a Keeper of startupDoc.
func stand(t *testing.T, d *configtest.Disk, apply func(*config.Config) error) *Keeper {
	t.Helper()
	doc, err := d.ReadFile(startupFile)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse(startupFile, doc, config.Rules{})
	if err != nil {
		t.Fatalf("the box does not come up: %v\n%s", err, doc)
	}
	return New(cfg, options(d, apply))
}

func newStand(t *testing.T) (*Keeper, *configtest.Disk) {
	t.Helper()
	d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
	return stand(t, d, nil), d
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
