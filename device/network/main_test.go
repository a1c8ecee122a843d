package network

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/lab/link/netns"
)

func TestMain(m *testing.M) {
	os.Exit(netns.Main(func() int {
		code := m.Run()
		if err := goleak.Find(); code == 0 && err != nil {
			os.Stderr.WriteString(err.Error())
			return 1
		}
		return code
	}))
}
