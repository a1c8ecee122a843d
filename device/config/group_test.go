package config

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const threeDestinations = `[streams.main.destinations]
a.url = "srt://h:1"
b.url = "srt://h:2"
c.url = "srt://h:3"
`

func TestGroups(t *testing.T) {
	c := parse(t, threeDestinations+"[streams.main.groups.air]\nmembers = \"b, a\"\npolicy = \"primary_backup\"\nfailback_after = \"1m\"\n")
	g := c.Streams["main"].Groups["air"]
	require.Equal(t, []string{"b", "a"}, g.MemberNames())
	require.Equal(t, Group{
		Members: "b, a", Policy: "primary_backup",
		FailoverAfter: Duration(5 * time.Second), FailbackAfter: Duration(time.Minute), Grace: Duration(10 * time.Second),
	}, g)
	require.Equal(t, []string{"air"}, c.Streams["main"].GroupNames())

	next, err := MergePatch(c, []byte(`{"streams":{"main":{"groups":{"air":{"minimum":1},"rest":{"members":"c"}}}}}`), rules)
	require.NoError(t, err)
	require.Equal(t, "independent", next.Streams["main"].Groups["rest"].Policy)
	require.Equal(t, 1, next.Streams["main"].Groups["air"].Minimum)
	require.False(t, c.Equal(next))
	clone := next.Clone()
	delete(clone.Streams["main"].Groups, "rest")
	require.Len(t, next.Streams["main"].Groups, 2)
	last, err := MergePatch(next, []byte(`{"streams":{"main":{"groups":null}}}`), rules)
	require.NoError(t, err)
	require.Empty(t, last.Streams["main"].Groups)
}

func TestMistakesInGroups(t *testing.T) {
	r := rules
	r.Group = func(g Group) error {
		if len(g.MemberNames()) == 0 {
			return errors.New("a group needs members")
		}
		return nil
	}
	for name, c := range map[string]struct{ doc, want string }{
		"no members":       {"[streams.main.groups.g]\n", "box.toml:5:2: streams.main.groups.g.members: missing, expected a text in quotes"},
		"empty":            {"[streams.main.groups.g]\nmembers = \" , \"\n", "box.toml:5:2: streams.main.groups.g: a group needs members"},
		"unknown member":   {"[streams.main.groups.g]\nmembers = \"a,bb\"\n", `box.toml:6:1: streams.main.groups.g.members: no destination "bb" in this stream; did you mean "b"?`},
		"in two groups":    {"[streams.main.groups.g]\nmembers = \"a,b\"\n[streams.main.groups.h]\nmembers = \"c,b\"\n", "box.toml:8:1: streams.main.groups.h.members: b is in group g already, expected each destination in one group at most"},
		"unknown policy":   {"[streams.main.groups.g]\nmembers = \"a\"\npolicy = \"al\"\n", `streams.main.groups.g.policy: got "al", expected "independent", "all" or "primary_backup"; did you mean "all"?`},
		"minimum of a lot": {"[streams.main.groups.g]\nmembers = \"a\"\nminimum = 101\n", "streams.main.groups.g.minimum: got 101, expected a whole number from 0 to 100"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("box.toml", []byte(threeDestinations+c.doc), r)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}
