package m2m

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRateWatch(t *testing.T) {
	const fps = 25
	type phase struct{ target, coded, seconds int }
	for name, c := range map[string]struct {
		phases []phase
		want   verdict
	}{
		"down, and it follows":                     {[]phase{{4000, 4000, 4}, {1000, 1000, 4}}, held},
		"down, and it stays":                       {[]phase{{4000, 4000, 4}, {1000, 4000, 4}}, unchanged},
		"down, and it stays where plain it was":    {[]phase{{4000, 900, 4}, {1000, 900, 4}}, unproven},
		"down, and it was above the old target":    {[]phase{{4000, 9000, 4}, {1000, 9000, 4}}, unproven},
		"down, and it stays somewhat above":        {[]phase{{4000, 4000, 4}, {1000, 2000, 4}}, unproven},
		"down, and it stays below the old target":  {[]phase{{4000, 2500, 4}, {1000, 2500, 4}}, unchanged},
		"up, and it follows":                       {[]phase{{1000, 1000, 4}, {4000, 4000, 4}}, held},
		"up, and it stays at the old target":       {[]phase{{1000, 1000, 4}, {4000, 1000, 4}}, pinned},
		"up, and the picture is plain":             {[]phase{{1000, 500, 4}, {4000, 500, 4}}, unproven},
		"up, by too little to tell":                {[]phase{{1000, 1000, 4}, {1200, 1000, 4}}, unproven},
		"too soon after the start":                 {[]phase{{4000, 4000, 1}, {1000, 4000, 4}}, unproven},
		"no time to see":                           {[]phase{{4000, 4000, 4}, {1000, 4000, 2}}, unproven},
		"small steps down are one":                 {[]phase{{4000, 4000, 4}, {3000, 4000, 1}, {2000, 4000, 1}, {1000, 4000, 4}}, unchanged},
		"down and up again":                        {[]phase{{4000, 4000, 4}, {1000, 4000, 1}, {4000, 4000, 4}}, unproven},
		"down, then never quite at rest, ignored":  {[]phase{{4000, 4000, 4}, {1000, 4000, 1}, {1050, 4000, 1}, {980, 4000, 1}, {1020, 4000, 1}}, unchanged},
		"down, then never quite at rest, followed": {[]phase{{4000, 4000, 4}, {1000, 1000, 1}, {1050, 1050, 1}, {980, 980, 1}, {1020, 1020, 1}}, held},
		"pictures that pause do not count as rate": {[]phase{{4000, 4000, 4}, {4000, 0, 9}, {1000, 900, 4}}, unproven},
	} {
		t.Run(name, func(t *testing.T) {
			var w rateWatch
			got, at, target := unproven, 5*time.Second, c.phases[0].target
			for _, p := range c.phases {
				if p.target != target {
					w.changed(at, target*1000, p.target*1000)
					target = p.target
				}
				for range p.seconds * fps {
					if p.coded > 0 {
						if v := w.coded(at, p.coded*1000/8/fps); v != unproven {
							got = v
						}
					}
					at += time.Second / fps
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// Key pictures are several times as large as others; they do not fool it.
func TestRateWatchWithKeyPictures(t *testing.T) {
	for _, follow := range []bool{true, false} {
		var w rateWatch
		got, at, rate := unproven, time.Duration(0), 4_000_000
		for n := range 300 {
			if n == 110 {
				w.changed(at, 4_000_000, 2_000_000)
				if follow {
					rate = 2_000_000
				}
			}
			size := rate / 8 / 25 / 2
			if n%50 == 0 {
				size = rate / 8 / 25 * 25
			}
			if v := w.coded(at, size); v != unproven {
				got = v
			}
			at += 40 * time.Millisecond
		}
		want := unchanged
		if follow {
			want = held
		}
		require.Equal(t, want, got)
	}
}
