package commit

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

func TestTwoSessionsOnDifferentSettingsBothCommit(t *testing.T) {
	k, _ := newStand(t)
	anna, bert := k.NewSession(), k.NewSession()
	require.NoError(t, anna.Set("streams.main.video.bitrate", "4M"))
	require.NoError(t, bert.Set("streams.main.segment.duration", "4s"))
	require.NoError(t, bert.Set("streams.main.destinations.spare.url", "rtmp://b.example/app/k"))
	_, err := anna.Commit(t.Context(), "anna")
	require.NoError(t, err)
	require.NotContains(t, strings.Join(bert.Diff(), "\n"), "bitrate", "what anna did is no change of bert's")
	_, err = bert.Commit(t.Context(), "bert")
	require.NoError(t, err)
	require.Equal(t, "4M", bitrate(k.Running()))
	require.Equal(t, "4s", k.Running().Streams["main"].Segment.Duration.String())
	require.Len(t, k.Running().Streams["main"].Destinations, 2)
}

func TestASessionOverChangedSettingsIsRefused(t *testing.T) {
	for what, c := range map[string]struct {
		anna, bert func(*Session) error
		path       string
	}{
		"the same value": {
			func(s *Session) error { return s.Set("streams.main.video.bitrate", "4M") },
			func(s *Session) error { return s.Set("streams.main.video.bitrate", "5M") },
			"streams.main.video.bitrate.max",
		},
		"a value and its deletion": {
			func(s *Session) error { return s.Delete("streams.main.video.bitrate") },
			func(s *Session) error { return s.Set("streams.main.video.bitrate", "5M") },
			"streams.main.video.bitrate.max",
		},
		"a key of a table that is gone": {
			func(s *Session) error { return s.Delete("streams.main.destinations.youtube") },
			func(s *Session) error { return s.Set("streams.main.destinations.youtube.enabled", "false") },
			"streams.main.destinations.youtube.enabled",
		},
		"a table of which a key was set": {
			func(s *Session) error { return s.Set("streams.main.destinations.youtube.enabled", "false") },
			func(s *Session) error { return s.Delete("streams.main.destinations.youtube") },
			"streams.main.destinations.youtube",
		},
		"a new table of the same name": {
			func(s *Session) error { return s.Set("streams.second.video.gop", "1s") },
			func(s *Session) error { return s.Set("streams.second.segment.duration", "4s") },
			"streams.second",
		},
	} {
		t.Run(what, func(t *testing.T) {
			k, d := newStand(t)
			anna, bert := k.NewSession(), k.NewSession()
			require.NoError(t, c.anna(anna))
			require.NoError(t, c.bert(bert))
			_, err := anna.Commit(t.Context(), "anna")
			require.NoError(t, err)
			before, _ := d.ReadFile(startupFile)
			diff := bert.Diff()
			require.True(t, strings.HasPrefix(diff[0], "! somebody else changed the same settings meanwhile: "), diff)
			require.ErrorIs(t, bert.Validate(), ErrChanged)
			_, err = bert.Commit(t.Context(), "bert")
			require.ErrorIs(t, err, ErrChanged)
			require.ErrorContains(t, err, c.path)
			require.ErrorContains(t, err, "discard the candidate")
			after, _ := d.ReadFile(startupFile)
			require.Equal(t, string(before), string(after))
			bert.Discard()
			require.Empty(t, bert.Diff())
			require.NoError(t, bert.Validate())
		})
	}
}

func TestTheSameChangeTwiceIsNoClash(t *testing.T) {
	k, _ := newStand(t)
	anna, bert := k.NewSession(), k.NewSession()
	for _, s := range []*Session{anna, bert} {
		require.NoError(t, s.Delete("streams.main.destinations.youtube"))
		require.NoError(t, s.Set("log.level", "debug"))
	}
	_, err := anna.Commit(t.Context(), "anna")
	require.NoError(t, err)
	done, err := bert.Commit(t.Context(), "bert")
	require.NoError(t, err)
	require.Empty(t, done.Paths)
}

func TestChangesThatDoNotGoTogetherAreRefusedWhole(t *testing.T) {
	k, d := newStand(t)
	anna, bert := k.NewSession(), k.NewSession()
	require.NoError(t, anna.Set("streams.main.segment.duration", "3s"))
	require.NoError(t, bert.Set("streams.main.video.gop", "2s"))
	_, err := anna.Commit(t.Context(), "anna")
	require.NoError(t, err)
	_, err = bert.Commit(t.Context(), "bert")
	var invalid config.Errors
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, "streams.main.video.gop", invalid[0].Key)
	require.Equal(t, config.Duration(3*time.Second), k.Running().Streams["main"].Video.GOP)
	doc, _ := d.ReadFile(startupFile)
	require.NotContains(t, string(doc), "gop")
}

func TestSecretsAreConcealedWhereverACandidateIsShown(t *testing.T) {
	k, _ := newStand(t)
	s := k.NewSession()
	require.NoError(t, s.Set("streams.main.destinations.youtube.url", "rtmp://a.example/live2/another-secret"))
	require.NoError(t, s.Set("streams.main.destinations.youtube.authorization", "Bearer token-token"))
	shown, err := s.Show("")
	require.NoError(t, err)
	all := fmt.Sprint(shown, s.Diff())
	for _, secret := range []string{"geheim", "another-secret", "token-token"} {
		require.NotContains(t, all, secret)
	}
	require.Contains(t, all, "# another one", "what looks the same and is not says so")

	err = s.Set("streams.main.destinations.youtube.url", "rtmp://a.example/***/other")
	require.NotContains(t, err.Error(), "other")
	before := s.Diff()
	require.NoError(t, s.Set("streams.main.destinations.youtube.authorization", config.Mask), "as it is shown it stays what it is")
	require.Equal(t, before, s.Diff())
}

func TestShow(t *testing.T) {
	k, _ := newStand(t)
	s := k.NewSession()
	require.NoError(t, s.Set("streams.second", ""))
	require.NoError(t, s.Set("streams.main.recording.name", `a "b" {date}`))
	shown, err := s.Show("")
	require.NoError(t, err)
	require.Equal(t, []string{
		"set streams.main.video.bitrate.max 3M",
		`set streams.main.recording.name "a \"b\" {date}"`,
		"set streams.main.destinations.youtube.url " + shown.Set[2][len("set streams.main.destinations.youtube.url "):],
		"set streams.second",
	}, shown.Set)
	require.Contains(t, shown.TOML, "[streams.main.video]\nbitrate = \"3M\"\n")
	require.Contains(t, shown.TOML, "[streams.second]\n")
	shown, err = s.Show("streams.main.video")
	require.NoError(t, err)
	require.Equal(t, Shown{Set: []string{"set streams.main.video.bitrate.max 3M"}, TOML: "[streams.main.video]\nbitrate = \"3M\"\n"}, shown)
	shown, err = s.Show("streams.main.video.gop")
	require.NoError(t, err)
	require.Equal(t, Shown{Set: []string{"set streams.main.video.gop 2s"}, TOML: "gop = \"2s\"\n"}, shown)
	_, err = s.Show("streams.main.vidoe")
	require.ErrorContains(t, err, `streams.main.vidoe: unknown key; did you mean "video"?`)
}

func TestComplete(t *testing.T) {
	k, _ := newStand(t)
	s := k.NewSession()
	require.NoError(t, s.Set("streams.second", ""))
	for typed, want := range map[string]string{
		"st":                                     "storage streams",
		"lo":                                     "log",
		"log.":                                   "log.level log.format",
		"streams.":                               "streams.main streams.second",
		"streams.main.v":                         "streams.main.video",
		"streams.main.destinations.":             "streams.main.destinations.youtube",
		"streams.main.video.gop ":                "2s",
		"log.level ":                             "debug info warn error",
		"log.level w":                            "warn",
		"streams.main.dash.enabled ":             "true false",
		"nonsense.":                              "",
		"log.level.x":                            "",
		"streams.main.video.gop.x.y. z":          "",
		"streams.main.destinations.youtube.url ": "",
	} {
		var got []string
		for _, c := range s.Complete(typed) {
			got = append(got, c.Text)
		}
		require.Equal(t, want, strings.Join(got, " "), "%q", typed)
	}
	c := s.Complete("streams.main.video.go")
	require.Contains(t, c[0].Help, "Time from one key picture to the next")
}

// What was tried and undone is there to be mended, with what was changed meanwhile.
func TestACandidateThatWasUndoneIsThereAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newStand(t)
		store := status.NewStore("test")
		k.o.Report = store
		runs(t, k)
		s := k.NewSession()
		require.NoError(t, s.Set("streams.main.video.bitrate", "4M"))
		_, err := s.CommitConfirmed(t.Context(), "anna", 0)
		require.NoError(t, err)
		require.Empty(t, s.Diff(), "it runs")
		require.NoError(t, s.Set("log.level", "debug"))
		time.Sleep(DefaultWindow + time.Second)
		synctest.Wait()
		events, _ := store.Events(0)
		require.Contains(t, events[len(events)-1].Message, "it is the candidate again of who made it")
		want := []string{`+ log.level = "debug"`, `- streams.main.video.bitrate.max = "3M"`, `+ streams.main.video.bitrate.max = "4M"`}
		require.Equal(t, want, s.Diff())
		commitGop(t, k)
		require.Equal(t, want, s.Diff(), "it follows what others commit")
		_, err = s.CommitConfirmed(t.Context(), "anna", 0)
		require.NoError(t, err)
		_, err = k.Confirm("anna")
		require.NoError(t, err)
		require.Empty(t, s.Diff(), "what is saved is no candidate")
		require.NoError(t, s.Set("streams.main.video.bitrate", "6M"))
		_, err = s.CommitConfirmed(t.Context(), "anna", 0)
		require.NoError(t, err)
		s.Discard()
		require.NoError(t, k.Revert(t.Context(), "anna"))
		require.Empty(t, s.Diff(), "nor is what was discarded")
	})
}

// commitGop is somebody else's change.
func commitGop(t *testing.T, k *Keeper) {
	t.Helper()
	s := k.NewSession()
	require.NoError(t, s.Set("streams.main.video.gop", "1s"))
	_, err := s.Commit(t.Context(), "bert")
	require.NoError(t, err)
}

func TestCallersOfOneNameHaveTheirOwnCandidates(t *testing.T) {
	k, _ := newStand(t)
	one := control.Caller{Name: "root", Surface: control.Socket, Role: control.Admin, Session: "1"}
	other := one
	other.Session = "2"
	require.NoError(t, of(k, one).Set("log.level", "debug"))
	require.True(t, of(k, one).Changed())
	require.False(t, of(k, other).Changed())
}

func TestCandidatesOfCallersAreKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newStand(t)
		require.NoError(t, k.Session("api anna").Set("log.level", "debug"))
		time.Sleep(idleTime)
		require.True(t, k.Session("api anna").Changed())
		require.False(t, k.Session("api bert").Changed())
		time.Sleep(idleTime + 1)
		require.False(t, k.Session("api anna").Changed())

		require.NoError(t, k.Session("api anna").Set("log.level", "debug"))
		for n := range maxSessions * 3 {
			time.Sleep(time.Second)
			k.Session(fmt.Sprint(n))
			if n%10 == 0 {
				require.True(t, k.Session("api anna").Changed())
			}
		}
		require.LessOrEqual(t, len(k.sessions), maxSessions)
	})
}

// Whoever commits, nothing is lost: of those who changed one key, one wins and the
// others are told; of those who changed their own, all win.
func TestSessionsAtOnce(t *testing.T) {
	k, d := newStand(t)
	const people = 8
	var mu sync.Mutex
	won := map[string]bool{}
	var wait sync.WaitGroup
	start := make(chan struct{})
	for n := range people {
		s := k.NewSession()
		value := fmt.Sprintf("%dk", 1000+n)
		require.NoError(t, s.Set("streams.main.video.bitrate", value))
		own := k.NewSession()
		require.NoError(t, own.Set(fmt.Sprintf("streams.own-%d.video.gop", n), "1s"))
		wait.Go(func() {
			<-start
			if _, err := own.Commit(t.Context(), value); err != nil {
				t.Error(err)
			}
			_, err := s.Commit(t.Context(), value)
			mu.Lock()
			defer mu.Unlock()
			won[value] = err == nil
		})
	}
	close(start)
	wait.Wait()
	winners := 0
	for value, did := range won {
		if did {
			winners++
			b := config.Bitrate(0)
			require.NoError(t, b.UnmarshalText([]byte(value)))
			require.Equal(t, b, k.Running().Streams["main"].Video.Bitrate.Max)
		}
	}
	require.Equal(t, 1, winners)
	require.Len(t, k.Running().Streams, people+1)
	require.True(t, k.Running().Equal(stand(t, d, nil).Running()))
}

func FuzzSet(f *testing.F) {
	for _, s := range [][2]string{
		{"streams.main.video.bitrate", "4M"}, {"streams.main.video.bitrate.max", "***"}, {"streams", ""}, {"", ""}, {"streams.x", ""},
		{"streams.main.destinations.youtube.url", "rtmp://a/***"}, {"streams.main.input.frame_rate", "29.97"}, {"streams.main.segment.window", "6"},
		{"streams.main.hls.enabled", "off"}, {"board.watchdog", "\x00\"\n"}, {"a..b", "\xff"}, {"streams.main.destinations.youtube.headers", "A: b\nC: d"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, path, value string) {
		k, d := newStand(t)
		s := k.NewSession()
		before := s.Diff()
		if err := s.Set(path, value); err != nil {
			if len(err.Error()) > 4096 || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			require.Equal(t, before, s.Diff(), "a refused value changed something")
			return
		}
		s.Complete(path + " ")
		_, _ = s.Show(path)
		if _, err := s.Commit(t.Context(), "anna"); err != nil {
			doc, _ := d.ReadFile(startupFile)
			require.Equal(t, startupDoc, string(doc), "%v", err)
			return
		}
		require.True(t, k.Running().Equal(stand(t, d, nil).Running()), "it comes up with something else")
		_ = s.Delete(path)
	})
}
