package host

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// owned is what the file system would tell of a file with that owner and mode.
type owned struct {
	uid  uint32
	mode fs.FileMode
}

func (o owned) Name() string       { return "adapter" }
func (o owned) Size() int64        { return 1 }
func (o owned) Mode() fs.FileMode  { return o.mode }
func (o owned) ModTime() time.Time { return time.Time{} }
func (o owned) IsDir() bool        { return false }
func (o owned) Sys() any           { return &syscall.Stat_t{Uid: o.uid} }

func TestUnreplaceable_NamesOwnerModeAndTheCommand(t *testing.T) {
	t.Parallel()
	self := uint32(os.Geteuid()) //nolint:gosec // a uid is never negative.
	stranger := self + 65_533
	require.NoError(t, unreplaceable("", "/x/adapter", owned{self, 0o755}))
	require.NoError(t, unreplaceable("", "/x/adapter", owned{0, 0o775}))
	require.NoError(t, unreplaceable("its folder ", "/tmp", owned{0, 0o777 | fs.ModeSticky}), "others cannot touch what is not theirs there")

	err := unreplaceable("", "/x/adapter", owned{stranger, 0o755})
	require.ErrorIs(t, err, ErrUnsafe)
	require.ErrorContains(t, err, "/x/adapter belongs to the user ")
	require.ErrorContains(t, err, "(mode 0755), neither root nor the user of this process; run chown root /x/adapter")
	err = unreplaceable("its folder ", "/x", owned{stranger, 0o755 | fs.ModeSticky})
	require.ErrorContains(t, err, "its folder /x belongs to the user ")
	err = unreplaceable("its folder ", "/x", owned{self, 0o777})
	require.ErrorIs(t, err, ErrUnsafe)
	require.ErrorContains(t, err, "its folder /x can be written by everybody (mode 0777); run chmod o-w /x")
}

func TestUserName_IsTheNumberWhereThereIsNoName(t *testing.T) {
	t.Parallel()
	require.Equal(t, "root (0)", userName(0))
	require.Equal(t, "4000000001", userName(4_000_000_001))
}
