package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

const (
	fileFormat = 1
	maxFile    = 64 << 10
	about      = "The keys of atssync. Its data cannot be read without this file: keep a copy of it apart from the data, and let nobody else read it."
)

// keyFile is the file as it lies on disk. The sealing keys are a keyset, so that older keys can stay beside the
// primary one; the index key is alone, as it is never replaced.
type keyFile struct {
	Format      int             `json:"format"`
	About       string          `json:"about"`
	IndexKey    []byte          `json:"index_key"`
	SealingKeys json.RawMessage `json:"sealing_keys"`
	// Keys tells when each sealing key was made, Removed which there were before: backups may need them.
	Keys    []keyDates `json:"keys,omitempty"`
	Removed []keyDates `json:"removed,omitempty"`
}

// keyDates is what is told of one sealing key.
type keyDates struct {
	ID        string    `json:"id"`
	MadeAt    time.Time `json:"made_at,omitzero"`
	RemovedAt time.Time `json:"removed_at,omitzero"`
}

// Load reads the key file at path. The error is fs.ErrNotExist when there is none, and otherwise a sentence that names
// the file and what to do; it holds nothing of the keys.
func Load(path string) (*Keys, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	k, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("the key file %s is damaged, put a copy of it back: %w", path, err)
	}
	k.file = path
	return k, nil
}

// Create makes new keys and writes them to path, for its owner only, safely on disk before it returns. It never
// replaces a file: the error is then fs.ErrExist. Missing folders are made.
func Create(path string) (*Keys, error) {
	sealing, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("making a sealing key: %w", err)
	}
	indexKey := make([]byte, indexKeySize)
	_, _ = rand.Read(indexKey) // never fails: crypto/rand ends the process instead
	primary, err := sealing.Primary()
	if err != nil {
		return nil, fmt.Errorf("making a sealing key: %w", err)
	}
	made := keyDates{ID: keyName(primary.KeyID()), MadeAt: time.Now().UTC().Truncate(time.Second)}
	data, err := encode(sealing, keyFile{IndexKey: indexKey, Keys: []keyDates{made}})
	if err != nil {
		return nil, err
	}
	if err := writeNew(path, data); err != nil {
		return nil, err
	}
	return Load(path)
}

// encode writes the sealing keys into a key file with what else stands in f.
func encode(sealing *keyset.Handle, f keyFile) ([]byte, error) {
	var keys bytes.Buffer
	if err := insecurecleartextkeyset.Write(sealing, keyset.NewJSONWriter(&keys)); err != nil {
		return nil, fmt.Errorf("writing the sealing keys: %w", err)
	}
	f.Format, f.About, f.SealingKeys = fileFormat, about, keys.Bytes()
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the key file: %w", err)
	}
	return append(data, '\n'), nil
}

// parse keeps the errors of the decoders to itself, as they may quote what they read.
func parse(data []byte) (*Keys, error) {
	var f keyFile
	if json.Unmarshal(data, &f) != nil {
		return nil, errors.New("it is not the JSON that was written")
	}
	if f.Format != fileFormat {
		return nil, fmt.Errorf("its format is %d and this program knows %d", f.Format, fileFormat)
	}
	sealing, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.SealingKeys)))
	if err != nil {
		return nil, errors.New("its sealing keys cannot be read")
	}
	k, err := newKeys(sealing, f.IndexKey)
	if err == nil {
		s := k.set.Load()
		s.dates, s.removed = f.Keys, f.Removed
	}
	return k, err
}

// readPrivate reads a small regular file that nobody but its owner may read or write.
func readPrivate(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("looking at the key file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("the key file %s can be read or changed by others (mode %04o): run chmod 600 %s, and think whether somebody copied it", path, mode, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("the key file %s is larger than %d bytes: it is not one of atssync's", path, maxFile)
	}
	return data, nil
}

// openRegular opens path once it is known not to be a pipe or device, on which opening or reading would wait.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("looking for the key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the key file %s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the key file: %w", err)
	}
	return f, nil
}

// writeNew writes a file that appears whole or not at all and never replaces another: it is written under a name of
// its own, synced, and linked to path, which fails when path exists.
func writeNew(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of the key file: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("the key file %s is there already: %w", path, fs.ErrExist)
	}
	temp := filepath.Join(dir, fmt.Sprintf(".%s.%s", filepath.Base(path), rand.Text()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making the key file: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(temp), syncDir(dir)) }()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the key file: %w", err)
	}
	if err := os.Link(temp, path); err != nil {
		return fmt.Errorf("putting the key file in place: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing the folder of the key file: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing the folder of the key file: %w", err)
	}
	return nil
}
