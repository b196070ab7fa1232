package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"securepractice/internal/ui"
)

//go:generate go run ./frontend

//go:embed static/*.css static/*.js static/*.svg static/*.woff2
var staticFiles embed.FS

// assets are the static files under names that hold the hash of their content, so that a browser may keep them for
// ever and an old page still finds nothing wrong in a new program.
type assets struct {
	files map[string]*asset // by address
	links ui.Assets
	old   []byte // the page for browsers without hope
}

type asset struct {
	kind          string
	plain, packed []byte // packed is nil where packing gains nothing
}

// embedded makes the assets once in a process.
var embedded = sync.OnceValue(func() *assets {
	a, err := loadAssets()
	if err != nil {
		panic(err) // the files are part of the program: this is a mistake of the build
	}
	return a
})

const staticPrefix = "/static/"

// loadAssets hashes the files. Style sheets come last, because they name fonts by their plain address.
func loadAssets() (*assets, error) {
	a := &assets{files: map[string]*asset{}}
	named := map[string]string{}
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("static files: %w", err)
	}
	for _, css := range []bool{false, true} {
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".css") != css {
				continue
			}
			b, err := staticFiles.ReadFile("static/" + e.Name())
			if err != nil {
				return nil, fmt.Errorf("static files: %w", err)
			}
			if css {
				b = rename(b, named)
			}
			named[e.Name()] = a.add(e.Name(), b)
		}
	}
	a.links = ui.Assets{
		CSS: named["app.css"], Legacy: named["legacy.css"], JS: named["app.js"], HTMX: named["htmx.min.js"], Passkey: named["passkey.js"], Sum: named["sum.js"],
		Icons: named["icons.svg"], Logo: named["logo.svg"], Font: named["hyperlegible-next.woff2"],
		Viewer: named["viewer.css"], Picture: named["picture.js"], Dicom: named["dicom.js"], Model: named["model.js"],
	}
	a.old = []byte(fmt.Sprintf(tooOldPage, a.links.Legacy))
	return a, nil
}

func rename(css []byte, named map[string]string) []byte {
	for name, address := range named {
		css = bytes.ReplaceAll(css, []byte(staticPrefix+name), []byte(address))
	}
	return css
}

func (a *assets) add(name string, b []byte) (address string) {
	sum := sha256.Sum256(b)
	ext := path.Ext(name)
	address = staticPrefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	f := &asset{kind: contentType(ext), plain: b}
	if ext != ".woff2" {
		f.packed = pack(b)
	}
	a.files[address] = f
	return address
}

func contentType(ext string) string {
	switch ext {
	case ".woff2":
		return "font/woff2" // not in every system's table
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(ext)
}

func pack(b []byte) []byte {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := z.Write(b); err != nil {
		return nil
	}
	if err := z.Close(); err != nil || buf.Len() >= len(b) {
		return nil
	}
	return buf.Bytes()
}

// serve answers for static files and says whether it did. They are the same for everybody and keep no secret.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return false
	case r.URL.Path == "/favicon.ico":
		http.Redirect(w, r, a.links.Logo, http.StatusFound)
		return true
	case r.URL.Path == "/robots.txt":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n"))
		return true
	case !strings.HasPrefix(r.URL.Path, staticPrefix):
		return false
	}
	f := a.files[r.URL.Path]
	if f == nil {
		http.Error(w, "not found", http.StatusNotFound)
		return true
	}
	f.send(w, r)
	return true
}

func (f *asset) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	b := f.plain
	if f.packed != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			b = f.packed
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(b)
	}
}

// tooOld knows the browsers that cannot keep the portal's promises at all: every Internet Explorer.
func tooOld(r *http.Request) bool {
	agent := r.UserAgent()
	return strings.Contains(agent, "Trident/") || strings.Contains(agent, "MSIE ")
}

const tooOldPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Your browser is out of date</title><link rel="stylesheet" href="%s"></head>
<body><h1>Your browser is out of date</h1>
<p>This portal protects health information and does not work with Internet Explorer.</p>
<p>Open this address in a current browser: Microsoft Edge, Google Chrome, Mozilla Firefox or Apple Safari.</p></body></html>
`

func (a *assets) serveTooOld(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(a.old)
}
