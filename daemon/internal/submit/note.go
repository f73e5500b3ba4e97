package submit

import (
	"sync"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// noteCache keeps parsed note templates by their text.
type noteCache struct{ m sync.Map }

func (n *noteCache) parse(text string) (atssync.NoteTemplate, error) {
	if t, ok := n.m.Load(text); ok {
		return t.(atssync.NoteTemplate), nil
	}
	t, err := atssync.ParseNote(text)
	if err != nil {
		return t, err
	}
	n.m.Store(text, t)
	return t, nil
}
