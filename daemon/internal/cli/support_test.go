package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/support"
)

// unpack returns the members of a support bundle by their names, without the folder that all of them are in.
func unpack(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	require.NoError(t, err)
	out := map[string]string{}
	folders := map[string]bool{}
	for files := tar.NewReader(zip); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			require.Len(t, folders, 1, "one folder holds everything")
			return out
		}
		require.NoError(t, err)
		require.Empty(t, head.Uname)
		require.Zero(t, head.Uid)
		text, err := io.ReadAll(files)
		require.NoError(t, err)
		folders[path.Dir(head.Name)] = true
		out[path.Base(head.Name)] = string(text)
	}
}

// whole holds a bundle to its own manifest.
func whole(t *testing.T, archive []byte) (map[string]string, support.Manifest) {
	t.Helper()
	members := unpack(t, archive)
	var m support.Manifest
	require.NoError(t, json.Unmarshal([]byte(members[support.ManifestName]), &m))
	require.Len(t, members, len(m.Files)+2, "with the manifest and the README")
	for _, f := range m.Files {
		text, ok := members[f.Name]
		require.True(t, ok, f.Name)
		require.Len(t, text, f.Bytes, f.Name)
		require.Contains(t, members[support.ReadmeName], f.Name)
		if strings.HasSuffix(f.Name, ".json") {
			require.True(t, json.Valid([]byte(text)), f.Name)
		}
	}
	for _, f := range m.LeftOut {
		require.NotEmpty(t, f.LeftOut, f.Name)
		require.Contains(t, members[support.ReadmeName], f.Name+": "+strings.TrimSuffix(f.LeftOut, "."))
	}
	require.Len(t, support.List(), len(m.Files)+len(m.LeftOut), "each is there, or the reason why not")
	return members, m
}

func TestSupportBundle_OfARunningDaemonAndOfNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	to := filepath.Join(r.dir, "trouble.tar.gz")
	out, err := r.run("", "support-bundle", "--to", to, "--json")
	require.NoError(t, err, r.told.String())
	var told struct {
		Path  string
		Files []support.File
	}
	require.NoError(t, json.Unmarshal([]byte(out), &told))
	require.Equal(t, to, told.Path)
	info, err := os.Stat(to)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	archive, err := os.ReadFile(to)
	require.NoError(t, err)
	members, m := whole(t, archive)
	require.Len(t, told.Files, len(m.Files))
	require.NotEmpty(t, m.Daemon)
	for _, f := range m.LeftOut {
		require.Equal(t, "journal.txt", f.Name, "everything else is to be had here: %s", f.LeftOut)
	}
	require.Contains(t, members["goroutines.txt"], "created by")
	require.Contains(t, members["metrics.txt"], `atssync_connection_health{connection="file-connection-1"}`)
	require.Contains(t, members["connections.json"], r.connection())
	require.Contains(t, members["connections.json"], `"auth"`)
	require.Contains(t, members["config.json"], `"key": "store.min_free"`)
	require.Contains(t, members["build.json"], "modules")

	_, err = r.run("", "support-bundle", "--to", to)
	require.Error(t, err, "it replaces none")
	require.Contains(t, r.told.String(), "replaces none")
	again, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, archive, again)

	r.kill()
	_, err = r.run("", "support-bundle", "--to", to, "--force")
	require.NoError(t, err)
	archive, err = os.ReadFile(to)
	require.NoError(t, err)
	members, m = whole(t, archive)
	require.Empty(t, m.Daemon)
	require.Contains(t, m.DaemonError, "no daemon answers")
	for _, name := range []string{"doctor.json", "config.json", "adapters.json", "store.json", "system.json"} {
		require.NotEmpty(t, members[name], name)
	}
	require.Empty(t, members["ledger.json"])
	require.Contains(t, members[support.ReadmeName], "The mask knew the names in the config file only")
	left, err := filepath.Glob(filepath.Join(r.dir, ".atssync-support-*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left lying about")
}

// A file that cannot be read as a config is when a bundle is needed most.
func TestSupportBundle_WithoutAConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "atssync.toml")
	require.NoError(t, os.WriteFile(file, []byte("[daemon]\ndata_dir = \"kanari"), 0o600))
	var out, errs bytes.Buffer
	code := Run(t.Context(), []string{"support-bundle", "--to", dir, "--config", file, "--socket", filepath.Join(dir, "none.sock"), "--json"}, Streams{Out: &out, Err: &errs})
	require.Zero(t, code, errs.String())
	found, err := filepath.Glob(filepath.Join(dir, "atssync-support-*.tar.gz"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	archive, err := os.ReadFile(found[0])
	require.NoError(t, err)
	members, _ := whole(t, archive)
	require.NotEmpty(t, members["system.json"])
	require.Contains(t, members["doctor.json"], "config")
	require.NotContains(t, members["doctor.txt"], "kanari")
}

func TestSupportBundle_ListsWithoutMaking(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Zero(t, Run(t.Context(), []string{"support-bundle", "--list"}, Streams{Out: &out, Err: &errs}))
	require.Contains(t, out.String(), "goroutines.txt")
	require.Equal(t, len(support.List())+1, strings.Count(out.String(), "\n"))
	for _, args := range [][]string{{"--to", "-", "--json"}, {"--timeout", "0s"}, {"--lines", "-1"}} {
		require.Equal(t, 2, Run(t.Context(), append([]string{"support-bundle"}, args...), Streams{Out: &out, Err: &errs}), args)
	}
}
