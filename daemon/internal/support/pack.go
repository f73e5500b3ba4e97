package support

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names of what every bundle has beside its members.
const (
	ReadmeName   = "README.txt"
	ManifestName = "manifest.json"
)

// FileName is how a bundle of that moment is called. It does not name the machine.
func FileName(at time.Time) string { return folder(at) + ".tar.gz" }

func folder(at time.Time) string { return "atssync-support-" + at.UTC().Format("20060102T150405Z") }

// pack makes the archive. Nobody's name is in it, not even as the owner of a file.
func pack(m Manifest) ([]byte, error) {
	manifest, err := asJSON(m)
	if err != nil {
		return nil, err
	}
	files := append([]File{{Name: ReadmeName, data: []byte(readme(m))}, {Name: ManifestName, data: manifest}}, m.Files...)
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for _, f := range files {
		head := &tar.Header{Name: folder(m.MadeAt) + "/" + f.Name, Mode: 0o600, Size: int64(len(f.data)), ModTime: m.MadeAt, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(head); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
		if _, err := archive.Write(f.data); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	return out.Bytes(), nil
}

const intro = `This is a support bundle of atssync %s, made at %s.
%s
It is for a maintainer who has to understand a trouble, and was made to be sent to one. It holds no credential, no document, no note and
nothing of any candidate. Accounts, connections and webhooks of the config file have numbers in place of their names; ids that begin with
con_, sub_, evt_ and the like were made by atssync and tell nothing of anybody. file-connection-2 is the second of [[connections]] in the
config file, file-webhook-1 the first of [[webhooks]]. Where a machine wrote sentences (journal.txt, lines of adapters, errors), a mask took
out addresses, numbers, keys and every name that the config and the daemon know. A mask can miss what nobody told it of: look into the
files before you send them.

What is in it:
`

func readme(m Manifest) string {
	var b strings.Builder
	daemon := "The daemon that answered is version " + m.Daemon + ".\n"
	if m.DaemonError != "" {
		daemon = "The daemon did not tell whom it knows: " + m.DaemonError + `.
The mask knew the names in the config file only, and not those of connections that were made at run time: look into the lines of journal.txt.
`
	}
	fmt.Fprintf(&b, intro, m.Version, m.MadeAt.Format(time.RFC3339), daemon)
	for _, f := range m.Files {
		fmt.Fprintf(&b, "\n  %s: %s.\n      masked: %s.\n", f.Name, f.About, f.Masked)
		if f.Cut {
			b.WriteString("      Its end is missing: it was too long.\n")
		}
	}
	if len(m.LeftOut) > 0 {
		b.WriteString("\nWhat could not be had:\n")
	}
	for _, f := range m.LeftOut {
		fmt.Fprintf(&b, "\n  %s: %s.\n", f.Name, strings.TrimSuffix(f.LeftOut, "."))
	}
	return b.String()
}

// Save writes a bundle to a new file that only its owner can read, or with force in the place of an old one. In a folder it gets
// a name of its own. It returns where it is.
func Save(archive []byte, to string, at time.Time, force bool) (string, error) {
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		to = filepath.Join(to, FileName(at))
	}
	if _, err := os.Lstat(to); err == nil && !force {
		return to, fmt.Errorf("%s is there already, and a bundle replaces none: name another file, or say --force", to)
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".atssync-support-*") // 0600
	if err != nil {
		return to, fmt.Errorf("make the bundle's file: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where it was put in place
	_, err = io.Copy(f, bytes.NewReader(archive))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return to, fmt.Errorf("write the bundle: %w", err)
	}
	if force {
		err = os.Rename(f.Name(), to)
	} else {
		err = os.Link(f.Name(), to) // fails where somebody was faster
	}
	if err != nil {
		return to, fmt.Errorf("put the bundle in place: %w", err)
	}
	return to, nil
}
