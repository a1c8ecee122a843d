package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFigureIsSVG(t *testing.T) {
	var b strings.Builder
	n, err := Figure{Title: "a < b & c", Step: time.Second, Panels: []Panel{
		{Title: "rates", Unit: "Mb/s", Most: 8, Lines: []Line{
			{Name: "usable", Colour: "#777", Area: true, Values: []float64{2, 2, 6, 9}},
			{Name: "target", Colour: "#00f", Dashed: true, Values: []float64{1, math.NaN(), 4, 4}},
		}},
		{Title: "nothing", Lines: []Line{{Name: "none", Colour: "#000"}}},
	}}.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		if _, err = d.Token(); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, io.EOF, "well formed")
	require.Contains(t, b.String(), "a &lt; b &amp; c")
	require.NotContains(t, b.String(), "NaN")
	require.NotContains(t, b.String(), "Inf")
	// 860 wide, 56 and 12 of margin, four values: 198 each. 170 high: 2 of 8 are 42.5.
	require.Contains(t, b.String(), `d="M56.0 187.5L254.0 187.5L452.0 102.5L650.0 60.0L650.0 230.0L56.0 230.0Z"`)
	require.Contains(t, b.String(), `d="M56.0 208.8M452.0 145.0L650.0 145.0"`, "a gap, and the dashes")
}

func TestTicksAreRound(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 1: 1, 1.1: 2, 2.2: 5, 7: 10, .03: .05, 450: 500} {
		require.InDelta(t, want, nice(v), 1e-12)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestAFailedWriteIsTold(t *testing.T) {
	_, err := Figure{Step: time.Second}.WriteTo(broken{})
	require.EqualError(t, err, "full")
}
