package status

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNetworkIsPublishedOnceAChange(t *testing.T) {
	s := NewStore("v")
	require.NotNil(t, s.Load().Network, "an empty list in JSON, not null")
	one := func() []NetworkInterface { return []NetworkInterface{{Name: "eth0", State: "up"}} }
	s.SetNetwork(one())
	first := s.Load()
	require.Equal(t, one(), first.Network)
	s.SetNetwork(one())
	require.Same(t, first, s.Load())

	s.SetHostname("studio")
	named := s.Load()
	require.Equal(t, "studio", named.Hostname)
	s.SetHostname("studio")
	require.Same(t, named, s.Load())
}
