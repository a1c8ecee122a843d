package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsShownCanBeTakenBack(t *testing.T) {
	c := parse(t, secretDoc)
	shown := MarshalMasked(c)
	requireNoSecret(t, "shown", string(shown))
	back, err := Import(c, "", shown, Rules{})
	require.NoError(t, err)
	require.True(t, back.Equal(c))
	_, err = Import(Default(), "", shown, Rules{})
	require.ErrorContains(t, err, "placeholder ***", "there is no secret to put there")
	requireNoSecret(t, "the error", err.Error())
}

func TestSecretsInTextsOfOthers(t *testing.T) {
	c := parse(t, secretDoc)
	text := c.Conceal("dial srt://u:" + pass + "@h:1: refused\npath /app/" + streamKey + " and " + pass + "\nplain\n")
	requireNoSecret(t, "a log", text)
	require.Contains(t, text, "refused")
	require.Contains(t, text, "\nplain\n")
}
