package badger

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// formatVersion is the version of all that the engine writes: the layout of the folder, of values, of
// commit records and of the mark. A folder of a newer one is refused.
const formatVersion = 1

// What stands in the data folder.
const (
	formatFile  = "FORMAT"   // which store this is; a folder without it is not ours
	lockFile    = "LOCK"     // held by the process that has the store open
	markFile    = "MARK"     // the last acknowledged commit
	ballastFile = "BALLAST"  // space to give back when the disk is full
	badgerDir   = "badger"   // Badger's own files
	salvageDir  = "salvage"  // write-ahead logs as they were before a refused start
	newSuffix   = ".partial" // a file that is being written
)

// remedy is what a person can do about a folder that cannot be used.
const remedy = "restore the last good copy of the whole folder; nothing that it acknowledged later is known then, so reconcile with the ATS before sending"

// The states of a folder.
const (
	stateCreating  = "creating"  // nothing was acknowledged yet: the next start begins anew
	stateRestoring = "restoring" // a backup is being loaded: refused until that is done again
	stateReady     = "ready"
)

// format is the content of the FORMAT file.
type format struct {
	version int
	id      string // 32 hexadecimal digits, the store's for life
	state   string
}

func newFormat(state string) format {
	var id [16]byte
	_, _ = rand.Read(id[:]) // It cannot fail.
	return format{version: formatVersion, id: hex.EncodeToString(id[:]), state: state}
}

// encode returns four lines; the last one is the checksum of those before it.
func (f format) encode() []byte {
	text := fmt.Sprintf("atssync store %d\nid %s\nstate %s\n", f.version, f.id, f.state)
	return fmt.Appendf(nil, "%scrc %08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// decodeFormat is the inverse of encode. A newer version is told by its first line, after the checksum,
// which stands at the end in every version.
func decodeFormat(data []byte) (format, error) {
	var f format
	text := string(data)
	at := strings.LastIndex(text, "crc ")
	if !strings.HasPrefix(text, "atssync store ") || at < 0 ||
		text[at:] != fmt.Sprintf("crc %08x\n", crc32.Checksum(data[:at], castagnoli)) {
		return f, errors.New("it is damaged, its checksum does not match; nothing was changed: " + remedy)
	}
	if _, err := fmt.Sscanf(text, "atssync store %d\n", &f.version); err != nil || f.version < 1 {
		return f, errors.New("it names no version: " + remedy)
	}
	if f.version > formatVersion {
		return f, fmt.Errorf("the store was written by a newer atssync (store format %d; this one knows %d): "+
			"install that version again, or restore a backup that this version made", f.version, formatVersion)
	}
	n, err := fmt.Sscanf(text[:at], fmt.Sprintf("atssync store %d\nid %%s\nstate %%s\n", f.version), &f.id, &f.state)
	if raw, hexErr := hex.DecodeString(f.id); err != nil || n != 2 || hexErr != nil || len(raw) != 16 {
		return f, errors.New("it names no store: " + remedy)
	}
	return f, nil
}

// readFormat returns the format of the folder and whether it has one. A folder that has none and holds
// anything but what an interrupted first start leaves is somebody else's and refused.
func readFormat(dir string) (f format, found bool, err error) {
	data, err := os.ReadFile(filepath.Join(dir, formatFile))
	switch {
	case err == nil:
		if f, err = decodeFormat(data); err != nil {
			return f, false, fmt.Errorf("the file %s cannot be used: %w", filepath.Join(dir, formatFile), err)
		}
		return f, true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return f, false, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, false, err
	}
	for _, entry := range entries {
		switch entry.Name() {
		case lockFile, formatFile + newSuffix, "lost+found":
		default:
			return f, false, fmt.Errorf("the folder %s holds %s but no %s file, so it is not an atssync store and was left as it is: "+
				"name an empty folder, or "+remedy,
				dir, entry.Name(), formatFile)
		}
	}
	return f, false, nil
}

// write puts f into the folder, durably and at once.
func (f format) write(dir string) error {
	return replaceFile(filepath.Join(dir, formatFile), f.encode())
}

// replaceFile writes a file so that after a crash it is the old one or the new one.
func replaceFile(path string, data []byte) error {
	file, err := os.OpenFile(path+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync())
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(path+newSuffix, path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
