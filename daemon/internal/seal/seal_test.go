package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

var place = AAD{Connection: "con_1", Record: "sub_1", Field: "payload"}

// setup returns new keys and the path of their file.
func setup(t testing.TB) (*Keys, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys", "seal.key")
	k, err := Create(path)
	require.NoError(t, err)
	return k, path
}

func TestSeal_OpensAfterARestartInItsOwnPlaceOnly(t *testing.T) {
	t.Parallel()
	k, path := setup(t)
	for _, plain := range []string{"", "x", strings.Repeat("a long payload ", 20_000)} {
		sealed, err := k.Seal([]byte(plain), place)
		require.NoError(t, err)
		if len(plain) > 8 {
			require.NotContains(t, string(sealed), plain)
		}
		again, err := Load(path)
		require.NoError(t, err)
		opened, err := again.Open(sealed, place)
		require.NoError(t, err)
		require.Equal(t, plain, string(opened))

		for _, other := range []AAD{
			{},
			{Connection: "con_2", Record: "sub_1", Field: "payload"},
			{Connection: "con_1", Record: "sub_2", Field: "payload"},
			{Connection: "con_1", Record: "sub_1", Field: "note"},
			{Connection: "con_1s", Record: "ub_1", Field: "payload"},
			{Connection: "", Record: "con_1sub_1", Field: "payload"},
		} {
			_, err := k.Open(sealed, other)
			require.ErrorIs(t, err, ErrDamaged, "%+v", other)
		}
	}
}

func TestSeal_SameTextNeverLooksTheSame(t *testing.T) {
	t.Parallel()
	k, _ := setup(t)
	seen := map[string]bool{}
	for range 1000 {
		sealed, err := k.Seal([]byte("same"), place)
		require.NoError(t, err)
		require.False(t, seen[string(sealed)])
		seen[string(sealed)] = true
	}
}

func TestOpen_EveryFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	k, _ := setup(t)
	sealed, err := k.Seal([]byte("a candidate's answer"), place)
	require.NoError(t, err)
	for i := range sealed {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			opened, err := k.Open(bad, place)
			require.Error(t, err, "byte %d", i)
			require.Nil(t, opened)
			if i < 2 || i >= 6 {
				require.ErrorIs(t, err, ErrDamaged, "byte %d", i)
			} else {
				require.ErrorIs(t, err, ErrWrongKey, "byte %d", i)
			}
		}
		_, err := k.Open(sealed[:i], place)
		require.ErrorIs(t, err, ErrDamaged)
	}
}

func TestOpen_AnotherInstallationsKeyIsSaidToBeWrong(t *testing.T) {
	t.Parallel()
	a, _ := setup(t)
	b, _ := setup(t)
	sealed, err := a.Seal([]byte("x"), place)
	require.NoError(t, err)

	_, err = b.Open(sealed, place)
	require.ErrorIs(t, err, ErrWrongKey)

	require.NoError(t, a.Recognise(a.CheckValue()))
	require.Regexp(t, "^[0-9a-f]{16}$", a.CheckValue())
	err = b.Recognise(a.CheckValue())
	require.ErrorIs(t, err, ErrWrongKey)
	require.ErrorContains(t, err, "put the right key file back")
}

func TestLoad_OlderKeysStillOpenAndThePrimarySeals(t *testing.T) {
	t.Parallel()
	old, path := setup(t)
	sealedBefore, err := old.Seal([]byte("before"), place)
	require.NoError(t, err)

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var f keyFile
	require.NoError(t, json.Unmarshal(data, &f))
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.SealingKeys)))
	require.NoError(t, err)
	manager := keyset.NewManagerFromHandle(handle)
	newest, err := manager.Add(aead.XChaCha20Poly1305KeyTemplate())
	require.NoError(t, err)
	require.NoError(t, manager.SetPrimary(newest))
	handle, err = manager.Handle()
	require.NoError(t, err)
	data, err = encode(handle, f)
	require.NoError(t, err)
	rotatedPath := filepath.Join(t.TempDir(), "seal.key")
	require.NoError(t, writeNew(rotatedPath, data))

	rotated, err := Load(rotatedPath)
	require.NoError(t, err)
	opened, err := rotated.Open(sealedBefore, place)
	require.NoError(t, err)
	require.Equal(t, "before", string(opened))
	require.Equal(t, old.CheckValue(), rotated.CheckValue())
	require.Equal(t, old.Index("email", "ada@example.com"), rotated.Index("email", "ada@example.com"))

	sealedAfter, err := rotated.Seal([]byte("after"), place)
	require.NoError(t, err)
	_, err = old.Open(sealedAfter, place)
	require.ErrorIs(t, err, ErrWrongKey, "the new key must be the one that seals")
}

func TestIndex_KeepsKindsAndInstallationsApart(t *testing.T) {
	t.Parallel()
	a, path := setup(t)
	b, _ := setup(t)
	again, err := Load(path)
	require.NoError(t, err)

	require.Equal(t, a.Index("email", "ada@example.com"), again.Index("email", "ada@example.com"))
	different := [][32]byte{
		a.Index("email", "ada@example.com"), b.Index("email", "ada@example.com"), a.Index("person", "ada@example.com"),
		a.Index("email", "ada@example.co"), a.Index("emaila", "da@example.com"), a.Index("", "emailada@example.com"), a.Index("", ""),
		a.Index(strings.Repeat("k", 300), "v"),
	}
	seen := map[[32]byte]bool{}
	for _, d := range different {
		require.False(t, seen[d])
		seen[d] = true
		require.NotEqual(t, a.CheckValue(), hex.EncodeToString(d[:8]))
	}
	sum := a.Index("email", "x")
	require.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), a.IndexText("email", "x"))
	require.Len(t, a.IndexText("email", "x"), 43)
}

func TestIndex_ConcurrentCallersGetTheSame(t *testing.T) {
	t.Parallel()
	k, _ := setup(t)
	want := k.Index("email", "ada@example.com")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if k.Index("email", "ada@example.com") != want {
					t.Error("an index changed under concurrency")
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestCreate_WritesForTheOwnerOnlyAndNeverReplaces(t *testing.T) {
	t.Parallel()
	k, path := setup(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file stays behind")

	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = Create(path)
	require.ErrorIs(t, err, fs.ErrExist)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Contains(t, string(before), "keep a copy")
	require.NoError(t, k.Recognise(k.CheckValue()))
}

func TestCreate_RacingStartsAgreeOnOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "seal.key")
	made := make(chan *Keys, 8)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if k, err := Create(path); err == nil {
				made <- k
			}
		})
	}
	wg.Wait()
	require.Len(t, made, 1)
	loaded, err := Load(path)
	require.NoError(t, err)
	require.NoError(t, loaded.Recognise((<-made).CheckValue()))
}

func TestLoad_RefusesWithASentence(t *testing.T) {
	t.Parallel()
	_, good := setup(t)
	data, err := os.ReadFile(good)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, content string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	var f keyFile
	require.NoError(t, json.Unmarshal(data, &f))
	short := f
	short.IndexKey = f.IndexKey[:16]
	shortData, err := json.Marshal(short)
	require.NoError(t, err)

	for path, want := range map[string]string{
		write("group", string(data), 0o640):                                                   "can be read or changed by others (mode 0640): run chmod 600",
		write("world", string(data), 0o604):                                                   "can be read or changed by others (mode 0604)",
		write("writable", string(data), 0o622):                                                "can be read or changed by others",
		write("empty", "", 0o600):                                                             "is damaged, put a copy of it back",
		write("half", string(data[:len(data)/2]), 0o600):                                      "is damaged",
		write("newer", strings.Replace(string(data), `"format": 1`, `"format": 2`, 1), 0o600): "its format is 2 and this program knows 1",
		write("nokeys", `{"format":1,"index_key":"AAAA","sealing_keys":{}}`, 0o600):           "its sealing keys cannot be read",
		write("short", string(shortData), 0o600):                                              "the index key has 16 bytes and not 32",
		write("large", strings.Repeat(" ", maxFile+1), 0o600):                                 "is larger than",
		dir:         "is not a file",
		"/dev/null": "is not a file",
	} {
		k, err := Load(path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		require.Nil(t, k)
		require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString(f.IndexKey)[:8])
	}
	_, err = Load(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestKeys_NoPrinterShowsThem(t *testing.T) {
	t.Parallel()
	k, path := setup(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var f keyFile
	require.NoError(t, json.Unmarshal(data, &f))
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("opened", "keys", k)
	marshalled, err := json.Marshal(k)
	require.NoError(t, err)

	for _, printed := range []string{log.String(), string(marshalled), fmt.Sprintf("%v %+v %#v %s", k, k, k, k)} {
		require.NotContains(t, printed, fmt.Sprintf("%x", f.IndexKey))
		require.NotContains(t, printed, fmt.Sprint(f.IndexKey))
		require.NotContains(t, printed, base64.StdEncoding.EncodeToString(f.IndexKey))
	}
	require.Equal(t, "***", fmt.Sprint(k))
}

func FuzzOpen(f *testing.F) {
	k, _ := setup(f)
	sealed, err := k.Seal([]byte("x"), place)
	require.NoError(f, err)
	f.Add(sealed)
	f.Add([]byte{version, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		opened, err := k.Open(data, place)
		if !bytes.Equal(data, sealed) {
			require.Error(t, err)
			require.Nil(t, opened)
		}
	})
}

func FuzzParse(f *testing.F) {
	_, path := setup(f)
	data, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parse(data)
		if err == nil {
			_, err = k.Seal([]byte("x"), place)
			require.NoError(t, err)
		}
	})
}

func BenchmarkSeal2KB(b *testing.B) {
	k, _ := setup(b)
	plain := bytes.Repeat([]byte("x"), 2048)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if _, err := k.Seal(plain, place); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen2KB(b *testing.B) {
	k, _ := setup(b)
	sealed, err := k.Seal(bytes.Repeat([]byte("x"), 2048), place)
	require.NoError(b, err)
	for b.Loop() {
		if _, err := k.Open(sealed, place); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	k, _ := setup(b)
	for b.Loop() {
		k.IndexText("email", "ada.lovelace@example.com")
	}
}

//nolint:paralleltest // allocations are counted for the whole process.
func TestSeal_AllocatesLittle(t *testing.T) {
	k, _ := setup(t)
	plain := bytes.Repeat([]byte("x"), 2048)
	sealed, err := k.Seal(plain, place)
	require.NoError(t, err)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = k.Seal(plain, place) }), 8.0)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = k.Open(sealed, place) }), 5.0)
}
