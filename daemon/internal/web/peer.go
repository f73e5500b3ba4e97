package web

import (
	"context"
	"net"
	"os/user"
	"strconv"
	"sync"
)

// Peer is the process at the other end of a unix socket, as the kernel tells it.
type Peer struct {
	UID, GID uint32
	PID      int32
	name     func() string
}

type peerKey struct{}

// PeerOf returns the peer of the connection that a request came by; ok is false for anything but a unix socket.
func PeerOf(ctx context.Context) (p *Peer, ok bool) {
	p, ok = ctx.Value(peerKey{}).(*Peer)
	return p, ok
}

// Name is the name of the peer's user, or "" when the machine knows none. It is looked up once a connection, when asked.
func (p *Peer) Name() string { return p.name() }

// withPeer runs in the accept loop and therefore asks the kernel only.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	uc, ok := beneath(c).(*net.UnixConn)
	if !ok {
		return ctx
	}
	p, err := peerOf(uc)
	if err != nil {
		return ctx // the caller stays unknown, and what asks for a known one refuses
	}
	p.name = sync.OnceValue(func() string {
		u, err := user.LookupId(strconv.FormatUint(uint64(p.UID), 10))
		if err != nil {
			return ""
		}
		return u.Username
	})
	return context.WithValue(ctx, peerKey{}, p)
}
