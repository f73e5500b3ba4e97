package config

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

const (
	masked        = "***"
	maxSecretFile = 64 << 10
	howToRefer    = `write { file = "/path" }, { env = "NAME" } or { credential = "name" }`
)

// Secret is a credential's value. Every way of printing it gives ***; only Reveal gives the value.
type Secret struct {
	value     string
	reference string
	file      string
}

// File is the file that the secret was read from, absolute; "" for one that came from elsewhere.
func (s Secret) File() string { return s.file }

// elsewhereError says that a secret is not in the environment of this process.
type elsewhereError struct{ text string }

func (e *elsewhereError) Error() string { return e.text }

// NewSecret returns a secret that came from nowhere in particular, such as a prompt.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the value.
func (s Secret) Reveal() string { return s.value }

// Format prints *** for every verb and flag, so that %d or %+v cannot show what %s hides.
func (s Secret) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, masked) }

// String returns ***.
func (s Secret) String() string { return masked }

// GoString returns ***.
func (s Secret) GoString() string { return masked }

// MarshalText returns ***, in JSON and TOML alike.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// LogValue returns ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// ShowReference returns where the file says that the secret comes from, such as { env = "NAME" }; *** for one that
// stands in the file itself.
func ShowReference(s Secret) string {
	if s.reference == "" {
		return masked
	}
	return s.reference
}

// namesSecret says whether a credential field is by its name one that must not stand in the file. Which fields
// are secret beyond that only the adapter's manifest knows (Checks.Connection).
func namesSecret(field string) bool {
	for _, word := range strings.FieldsFunc(strings.ToLower(field), func(r rune) bool { return r == '_' || r == '-' }) {
		switch word {
		case "key", "apikey", "secret", "token", "password", "passphrase":
			return true
		}
	}
	return false
}

// source is where references are looked up: the environment, and files relative to the config file.
type source struct {
	dir    string
	getenv func(string) (string, bool)
}

// resolve reads the secret behind one reference. The error is a sentence for the operator and holds no secret.
func (s source) resolve(kind, name string) (Secret, error) {
	ref := Secret{reference: fmt.Sprintf("{ %s = %q }", kind, name)}
	if name == "" {
		return ref, fmt.Errorf("the reference names nothing; %s", howToRefer)
	}
	if kind == "env" {
		value, ok := s.getenv(name)
		if !ok || value == "" {
			return ref, &elsewhereError{fmt.Sprintf("the environment variable %s is not set", name)}
		}
		ref.value = value
		return ref, nil
	}
	path := s.path(name)
	if kind == "credential" {
		dir, ok := s.getenv("CREDENTIALS_DIRECTORY")
		if !ok || dir == "" {
			return ref, &elsewhereError{fmt.Sprintf("the systemd credential %s is not there: CREDENTIALS_DIRECTORY is not set; "+
				"in the service, add LoadCredential=%s:/etc/atssync/%s to the unit; in a shell, name the folder that it comes from: CREDENTIALS_DIRECTORY=/etc/atssync atssync …",
				name, name, name)}
		}
		if name != filepath.Base(name) || name == ".." || name == "." {
			return ref, fmt.Errorf("a systemd credential is named without a path")
		}
		path = filepath.Join(dir, name)
	}
	ref.file = path
	value, err := readSmall(path, maxSecretFile)
	if err != nil {
		return ref, err
	}
	ref.value = strings.TrimRight(value, "\r\n")
	if ref.value == "" {
		return ref, fmt.Errorf("the file %s is empty", path)
	}
	return ref, nil
}

// path makes a path of the file absolute against the config file's own folder. An empty one stays empty.
func (s source) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(s.dir, p)
}

// readSmall reads a regular file of at most limit bytes. Anything else (a pipe, a device, a folder) would block or
// never end.
func readSmall(path string, limit int64) (string, error) {
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return "", fmt.Errorf("the file %s does not exist", path)
	case err != nil:
		return "", fmt.Errorf("the file %s cannot be looked at: %w", path, err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the file %s cannot be opened: %w", path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", fmt.Errorf("the file %s cannot be read: %w", path, err)
	}
	if int64(len(data)) > limit {
		return "", fmt.Errorf("the file %s is larger than %s", path, showSize(limit))
	}
	return string(data), nil
}
