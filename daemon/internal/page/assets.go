package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

// AssetPrefix begins the address of every asset.
const AssetPrefix = "/assets/"

//go:embed assets
var assetFiles embed.FS

//go:embed parts
var partFiles embed.FS

// hashed are the assets by the name that has the checksum of their content in it, so that a browser may keep them for ever.
var hashed = sync.OnceValue(func() map[string]file {
	out := make(map[string]file)
	entries, _ := assetFiles.ReadDir("assets") // an embedded folder is there
	for _, e := range entries {
		content, _ := assetFiles.ReadFile("assets/" + e.Name())
		out[hashedName(e.Name(), content)] = file{mime.TypeByExtension(path.Ext(e.Name())), content}
	}
	return out
})

type file struct {
	media   string
	content []byte
}

func hashedName(name string, content []byte) string {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext
}

// asset returns the address of an asset, for templates.
func (s *Site) asset(name string) (string, error) {
	content, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		return "", errors.New("there is no asset " + name)
	}
	return s.Path(AssetPrefix + hashedName(name, content)), nil
}

// Assets serves what lies below AssetPrefix.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := hashed()[strings.TrimPrefix(r.URL.Path, AssetPrefix)]
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Cache-Control", "no-store")
			http.NotFound(w, r)
			return
		}
		h.Set("Content-Type", f.media)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = w.Write(f.content) // the reader is gone; there is nobody to tell
	})
}
