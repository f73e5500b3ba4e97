package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/atssync/atssync/daemon/internal/app"
	"github.com/atssync/atssync/daemon/internal/seal"
)

const copyKey = "keep a copy of the key file apart from the data and the backups: without it both are worth nothing"

func checkKeys(ctx context.Context, p *patient) []Finding {
	if p.config == nil {
		return p.withoutConfig("key file")
	}
	c := p.config
	path := c.Store.KeyFile
	if c.Store.Engine == "memory" {
		return []Finding{well(path, "the store is in memory, and its keys are worth nothing later")}
	}
	k, err := seal.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if g, look := p.store(); look == nil && !g.Found {
			return []Finding{notRun(path, "there is no key file, and no data", "the daemon makes one at its first start; then "+copyKey)}
		}
		return []Finding{trouble(path, "the key file is missing, and the data cannot be read without it", "put it back from where you keep it")}
	case mayNotLook(err):
		return []Finding{notRun(path, "this user may not read it", asRoot)}
	case err != nil:
		return []Finding{trouble(path, err.Error(), "put a copy of it back, for the daemon's user alone")}
	}
	out := []Finding{fingerprint(path, app.Marker(c), k)}
	if p.daemon().err == nil {
		page, err := p.o.Daemon.Health(ctx, healthQuery())
		if err == nil && page.Backup != nil && page.Backup.LastSuccess.IsZero() {
			out = append(out, warning(path, "no backup is on record, and perhaps no copy of the key file is kept either", copyKey))
		}
	}
	return out
}

// fingerprint compares the keys with the marker that lies beside the store.
func fingerprint(path, marker string, k *seal.Keys) Finding {
	text, err := os.ReadFile(marker)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return well(path, fmt.Sprintf("fingerprint %s; nothing was sealed with it yet", k.CheckValue()))
	case mayNotLook(err):
		return notRun(marker, "this user may not read it", asRoot)
	case err != nil:
		return trouble(marker, "read the marker of the store: "+err.Error(), "see whether the disk is well")
	}
	if want := strings.TrimSpace(string(text)); want != k.CheckValue() {
		return trouble(path, fmt.Sprintf("it has the fingerprint %s, and the data was sealed with %s", k.CheckValue(), want), "put the right key file back")
	}
	return well(path, fmt.Sprintf("fingerprint %s, which the data was sealed with; %s", k.CheckValue(), some(len(k.IDs()), "sealing key")))
}

// some returns the number with the noun in the right form.
func some(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
