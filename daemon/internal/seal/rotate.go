package seal

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Key is what is told of one sealing key; never its bytes.
type Key struct {
	ID        string
	Primary   bool      // it seals; the others only open
	MadeAt    time.Time // zero for a key of a file that did not say
	RemovedAt time.Time // zero while it is in the file
}

func keyName(id uint32) string { return fmt.Sprintf("%08x", id) }

// List returns the keys of the set, the primary one first, and those that were removed from the file.
func (k *Keys) List() (keys, removed []Key) {
	s := k.set.Load()
	for id := range s.known {
		x := Key{ID: keyName(id), Primary: id == s.primary}
		if i := slices.IndexFunc(s.dates, func(d keyDates) bool { return d.ID == x.ID }); i >= 0 {
			x.MadeAt = s.dates[i].MadeAt
		}
		keys = append(keys, x)
	}
	slices.SortFunc(keys, func(a, b Key) int {
		if a.Primary != b.Primary {
			if a.Primary {
				return -1
			}
			return 1
		}
		return b.MadeAt.Compare(a.MadeAt)
	})
	for _, d := range s.removed {
		removed = append(removed, Key{ID: d.ID, MadeAt: d.MadeAt, RemovedAt: d.RemovedAt})
	}
	return keys, removed
}

// Mark is how everything begins that the key sealed.
func Mark(id string) ([]byte, error) {
	n, err := strconv.ParseUint(id, 16, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is no id of a key", id)
	}
	return binary.BigEndian.AppendUint32([]byte{version, tinkStart}, uint32(n)), nil
}

// Rotate puts a new primary key into the key file, keeps the others, and seals with the new one once note has agreed:
// note is told the ids of all keys when they are safe in the file. A file that has a newer key than these Keys, because a
// rotation before did not get that far, is taken as it is.
func (k *Keys) Rotate(now time.Time, note func(ids []string) error) (Key, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	handle, f, err := k.reload()
	if err != nil {
		return Key{}, err
	}
	primary, err := handle.Primary()
	if err != nil {
		return Key{}, fmt.Errorf("reading the sealing keys: %w", err)
	}
	if primary.KeyID() == k.set.Load().primary {
		m := keyset.NewManagerFromHandle(handle)
		id, err := m.Add(aead.XChaCha20Poly1305KeyTemplate())
		if err == nil {
			err = m.SetPrimary(id)
		}
		if err == nil {
			handle, err = m.Handle()
		}
		if err != nil {
			return Key{}, fmt.Errorf("making a sealing key: %w", err)
		}
		f.Keys = append(f.Keys, keyDates{ID: keyName(id), MadeAt: now.UTC().Truncate(time.Second)})
		if err := k.replace(handle, f); err != nil {
			return Key{}, err
		}
	}
	next, err := newSet(handle)
	if err != nil {
		return Key{}, err
	}
	next.dates, next.removed = f.Keys, f.Removed
	if err := note(next.ids()); err != nil {
		return Key{}, err
	}
	k.set.Store(next) // everything that can fail is behind us
	keys, _ := k.List()
	return keys[0], nil
}

// Remove drops keys from the file, once note has agreed with the ids of those that stay. The primary key is never dropped.
// Nothing sealed with the others can be opened afterwards, here or in a backup, but with a copy of the file as it was.
func (k *Keys) Remove(ids []string, now time.Time, note func(ids []string) error) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	handle, f, err := k.reload()
	if err != nil {
		return err
	}
	m := keyset.NewManagerFromHandle(handle)
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 16, 32)
		if err != nil {
			return fmt.Errorf("%q is no id of a key", id)
		}
		if uint32(n) == k.set.Load().primary {
			return fmt.Errorf("the key %s is the one that seals, and stays", id)
		}
		if err := m.Delete(uint32(n)); err != nil {
			return fmt.Errorf("dropping the sealing key %s: %w", id, err)
		}
		gone := keyDates{ID: id, RemovedAt: now.UTC().Truncate(time.Second)}
		if i := slices.IndexFunc(f.Keys, func(d keyDates) bool { return d.ID == id }); i >= 0 {
			gone.MadeAt = f.Keys[i].MadeAt
			f.Keys = slices.Delete(f.Keys, i, i+1)
		}
		f.Removed = append(f.Removed, gone)
	}
	if handle, err = m.Handle(); err != nil {
		return fmt.Errorf("dropping sealing keys: %w", err)
	}
	next, err := newSet(handle)
	if err != nil {
		return err
	}
	next.dates, next.removed = f.Keys, f.Removed
	if err := note(next.ids()); err != nil {
		return err
	}
	if err := k.replace(handle, f); err != nil {
		return err
	}
	k.set.Store(next)
	return nil
}

// IDs lists the ids of the keys of the set.
func (k *Keys) IDs() []string { return k.set.Load().ids() }

func (s *set) ids() []string {
	out := make([]string, 0, len(s.known))
	for id := range s.known {
		out = append(out, keyName(id))
	}
	slices.Sort(out)
	return out
}

// reload reads the key file again and refuses one that is not these Keys' own.
func (k *Keys) reload() (*keyset.Handle, keyFile, error) {
	var f keyFile
	data, err := readPrivate(k.file)
	if err != nil {
		return nil, f, err
	}
	onDisk, err := parse(data)
	if err != nil {
		return nil, f, fmt.Errorf("the key file %s is damaged, put a copy of it back: %w", k.file, err)
	}
	if err := onDisk.Recognise(k.check); err != nil {
		return nil, f, fmt.Errorf("the key file %s is another one than at the start: %w", k.file, err)
	}
	if json.Unmarshal(data, &f) != nil {
		return nil, f, fmt.Errorf("the key file %s is damaged, put a copy of it back", k.file)
	}
	now := onDisk.set.Load()
	for id := range k.set.Load().known {
		if !now.known[id] {
			return nil, f, fmt.Errorf("the key file %s lacks the key %s, which is in use: put the file back as it was at the start", k.file, keyName(id))
		}
	}
	return now.handle, f, nil
}

// replace puts a new key file in the place of the old one, whole or not at all, with the same owner and mode. Where the
// file is a link, what it leads to is replaced.
func (k *Keys) replace(handle *keyset.Handle, f keyFile) (err error) {
	data, err := encode(handle, f)
	if err != nil {
		return err
	}
	path, err := filepath.EvalSymlinks(k.file)
	if err != nil {
		return fmt.Errorf("looking for the key file: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking for the key file: %w", err)
	}
	dir := filepath.Dir(path)
	temp := filepath.Join(dir, fmt.Sprintf(".%s.%s", filepath.Base(path), rand.Text()))
	out, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("the key file is not replaced: %w; the daemon has to be able to write to its folder", err)
	}
	defer func() {
		if rerr := os.Remove(temp); !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}()
	_, err = out.Write(data)
	if st, ok := info.Sys().(*syscall.Stat_t); ok && err == nil && int(st.Uid) != os.Geteuid() {
		err = out.Chown(int(st.Uid), int(st.Gid))
	}
	if err == nil {
		err = out.Chmod(info.Mode().Perm())
	}
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("writing the key file: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("putting the key file in place: %w", err)
	}
	return syncDir(dir)
}
