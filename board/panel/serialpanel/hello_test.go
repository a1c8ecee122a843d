package serialpanel

import (
	"testing"
	"testing/synctest"
	"time"
)

// Hellos that answer several questions do not let go of a key.
func TestHellosLetGoOfNoKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, fake, unplug := plug(t, sample, 0)
		defer unplug()
		p := open(t, port)
		defer p.Close()
		events, stop := watch(t, p)
		fake.Press("ok", true)
		time.Sleep(100 * time.Millisecond)
		for range 4 {
			fake.Hello()
		}
		time.Sleep(2 * time.Second)
		if got := events(); got != "+ok" {
			t.Errorf("held through four hellos: %s", got)
		}
		fake.Press("ok", false)
		time.Sleep(100 * time.Millisecond)
		if err := stop(); err != nil || events() != "+ok -ok" {
			t.Errorf("%s, %v", events(), err)
		}
	})
}
