package wire

import (
	"context"
	"strconv"

	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// The handshake between a host and an adapter. It is no secret: it tells an adapter that it was started
// by a host and not by a person. Never change these values, every adapter in the world carries them.
const (
	CookieKey   = "ATSSYNC_ADAPTER_COOKIE"
	CookieValue = "0f2c5f1c9e6d4b0a8f7e3d1b6a5c4e29"

	// HostPIDKey is the environment variable with the host's process id.
	HostPIDKey = "ATSSYNC_HOST_PID"

	// DispenseName is the one plugin of a set.
	DispenseName = "adapter"
	// healthService is the name under which go-plugin's health service answers.
	healthService = plugin.GRPCServiceName
)

// Handshake returns the handshake of both sides.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{MagicCookieKey: CookieKey, MagicCookieValue: CookieValue}
}

// Versions lists the contract versions that this side speaks, the newest first.
func Versions() []int { return []int{sdk.ContractVersion} }

// Sets returns what go-plugin negotiates over: one set per contract version. The host passes nil.
func Sets(server *Server) map[int]plugin.PluginSet {
	sets := make(map[int]plugin.PluginSet, len(Versions()))
	for _, v := range Versions() {
		sets[v] = plugin.PluginSet{DispenseName: &glue{server: server}}
	}
	return sets
}

// Speaks reports whether v is one of Versions.
func Speaks(v string) bool {
	for _, known := range Versions() {
		if strconv.Itoa(known) == v {
			return true
		}
	}
	return false
}

// glue is the go-plugin face of both ends.
type glue struct {
	plugin.NetRPCUnsupportedPlugin

	server *Server
}

var _ plugin.GRPCPlugin = (*glue)(nil)

// GRPCServer is called in the adapter's process.
func (g *glue) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	RegisterAdapterServer(s, g.server)
	return nil
}

// GRPCClient is called in the host's process.
func (g *glue) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewClient(conn), nil
}

// ServerOptions bounds what an adapter receives and sends, and puts its guard around every call.
func ServerOptions(guard grpc.UnaryServerInterceptor) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		grpc.ChainUnaryInterceptor(guard),
	}
}

// DialOptions bounds what a host sends and receives. A call is never repeated by the transport.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
	}
}
