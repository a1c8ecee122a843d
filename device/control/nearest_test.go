package control

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is offered for a command that there is not must be what was meant: a list of what
// sounds alike sends people astray.
func TestWhatIsOfferedForAnUnknownCommand(t *testing.T) {
	table, _ := stand(t)
	for _, c := range []struct{ words, hint string }{
		{"destinatiom puase x", "destination pause NAME [FOR]"},
		{"rseet", "reset"},
		{"fial", "fail"},
		{"destination stop", "destination pause, destination retry"},
		{"pause youtube", "destination pause"},
		{"retyr", ""},
		{"fire", ""},
		{"ping", ""},
		{"frobnicate", ""},
	} {
		words, _ := Words(c.words)
		_, err := table.Read(words)
		var e *Error
		require.ErrorAs(t, err, &e, c.words)
		require.Equal(t, Unknown, e.Code, c.words)
		require.Equal(t, c.hint, e.Hint, c.words)
	}
}

func TestHowFarWordsAreApart(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"exit", "exit", 0}, {"exti", "exit", 1}, {"exi", "exit", 1}, {"exxit", "exit", 1}, {"axit", "exit", 1},
		{"ping", "diff", 3}, {"grün", "grun", 1}, {"abcdefgh", "a", 5}, {"hgfedcba", "abcdefgh", 5},
	} {
		require.Equal(t, c.want, distance(c.a, c.b, 5), "%q, %q", c.a, c.b)
		require.Equal(t, c.want, distance(c.b, c.a, 5), "%q, %q", c.b, c.a)
	}
}

func TestAGroupOfCommandsSaysHowItGoesOn(t *testing.T) {
	table, _ := stand(t)
	all := table.Complete(operator, []string{""})
	i := slices.IndexFunc(all, func(c Completion) bool { return c.Word == "destination" })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, "pause, retry", all[i].Help)
}

func TestANotationThatIsWrongIsShownARightOne(t *testing.T) {
	table, _ := stand(t)
	for line, want := range map[string]string{"bitrate 9G": "2.5M", "destination pause youtube soon": "90s"} {
		words, _ := Words(line)
		r, err := table.Read(words)
		require.NoError(t, err)
		_, err = table.Do(t.Context(), operator, r)
		var e *Error
		require.True(t, errors.As(err, &e) && e.Code == Usage, line)
		require.ErrorContains(t, err, want)
	}
}
