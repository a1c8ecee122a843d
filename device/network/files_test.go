package network

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
)

// parse reads the [network] part of a configuration.
func parse(t *testing.T, doc string) config.Network {
	t.Helper()
	c, err := config.Parse("box.toml", []byte("[streams.main]\n"+doc), config.Rules{})
	require.NoError(t, err)
	return c.Network
}

// Each folder of testdata is a configuration and the files that come of it, in one text.
// UPDATE_GOLDEN=1 writes them anew.
func TestFilesAreAsRecorded(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.toml")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, path := range cases {
		t.Run(filepath.Base(path), func(t *testing.T) {
			doc, err := os.ReadFile(path)
			require.NoError(t, err)
			var got strings.Builder
			for _, f := range Files(parse(t, string(doc))) {
				got.WriteString("==> " + f.Name + "\n" + f.Text + "\n")
			}
			golden := strings.TrimSuffix(path, ".toml") + ".golden"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
		})
	}
}

func TestFilesAreSortedAndOurs(t *testing.T) {
	files := Files(parse(t, "[network]\nmanage = true\n[network.interfaces.z]\n[network.interfaces.0]\n"))
	require.Equal(t, []string{prefix + "0.network", prefix + "z.network", others},
		[]string{files[0].Name, files[1].Name, files[2].Name}, "systemd-networkd takes the first file that matches")
}

func TestNothingIsWrittenWithoutManage(t *testing.T) {
	require.Empty(t, Files(parse(t, "[network.interfaces.eth0]\n")))
}
