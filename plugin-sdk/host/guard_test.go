package host_test

import (
	"crypto/tls"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/atssync/atssync/plugin-sdk/host"
)

func TestLaunch_NobodyElseCanCallTheAdapter(t *testing.T) {
	t.Parallel()
	var dir string
	p := launch(t, "", func(o *host.Options) { dir = o.RuntimeDir })
	require.NoError(t, p.Ping(t.Context()))
	var socket string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type() == fs.ModeSocket {
			socket = path
		}
		return err
	}))
	require.NotEmpty(t, socket)
	info, err := os.Stat(filepath.Dir(socket))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())

	for name, creds := range map[string]credentials.TransportCredentials{
		"in the clear":          insecure.NewCredentials(),
		"without a certificate": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}),
	} {
		conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(creds))
		require.NoError(t, err)
		_, err = grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
		require.Error(t, err, name)
		require.NoError(t, conn.Close())
	}
	require.NoError(t, p.Ping(t.Context()))
}
