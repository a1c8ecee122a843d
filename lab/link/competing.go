package link

import (
	"context"

	"github.com/encoderbox/encoderbox/lab/link/flow"
)

// CongestionControls lists what TCP of this kernel can be told to use, as
// "reno bbr cubic".
func (l *Link) CongestionControls() (string, error) {
	return l.sender.Sysctl("ipv4/tcp_available_congestion_control")
}

// Compete starts a greedy TCP connection from the sender's namespace to the
// receiver's. Whoever starts it calls its Stop, before the link's Close.
func (l *Link) Compete(ctx context.Context, o flow.TCPOptions) (*flow.TCP, error) {
	return flow.StartTCP(ctx, l.way(), o)
}

// Datagrams starts a flow of UDP at a constant rate from the sender's namespace to
// the receiver's. Whoever starts it calls its Stop, before the link's Close.
func (l *Link) Datagrams(ctx context.Context, o flow.DatagramOptions) (*flow.Datagrams, error) {
	return flow.StartDatagrams(ctx, l.way(), o)
}

func (l *Link) way() flow.Way {
	return flow.Way{From: l.sender, To: l.receiver, Addr: l.receiverAddr}
}
