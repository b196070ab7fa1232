package mail_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var updateModels = flag.Bool("update-models", false, "write docs/models.md anew")

// assimp is where Debian's assimp-testmodels has its files, which none of us made.
const assimp = "/usr/share/assimp/models"

const modelsHead = `# 3-D models

What the viewer says of every STL, PLY and OBJ file of Debian's assimp-testmodels, in Chromium: the sentence under the
model, which counts what is drawn, or why nothing is. Written by ` + "`go test ./internal/mail -run TestModelFiles -update-models`" + `.

| File | Drawn | What the page says |
| --- | --- | --- |
`

// TestModelFiles opens every model of assimp-testmodels and compares what the page says with docs/models.md.
func TestModelFiles(t *testing.T) {
	var list []string
	err := filepath.WalkDir(assimp, func(path string, d fs.DirEntry, err error) error {
		if ext := strings.ToLower(filepath.Ext(path)); err == nil && !d.IsDir() && (ext == ".stl" || ext == ".ply" || ext == ".obj") {
			list = append(list, path)
		}
		return err
	})
	if err != nil || len(list) < 30 {
		if os.Getenv("CI") != "" {
			t.Fatalf("the files of assimp-testmodels are missing (%v)", err)
		}
		t.Skip("assimp-testmodels is not installed")
	}
	v := newViewSite(t)
	step(t, v.ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(v.site+"/as/dana"))
	var out strings.Builder
	out.WriteString(modelsHead)
	for i, path := range list {
		data, err := os.ReadFile(path)
		must(t, err)
		name := fmt.Sprintf("%d%s", i, filepath.Ext(path))
		v.files[name] = data
		v.serveModel(name, strings.ToLower(name[len(name)-3:]), int64(len(data)))
		step(t, v.ctx, chromedp.Navigate(v.site+"/view/"+name))
		v.until(`document.querySelector('[data-said]').textContent.endsWith('.') && document.querySelector('[data-progress]').hidden`)
		drawn := map[bool]string{true: "yes", false: "no"}[look[bool](t, v.ctx, `Boolean(document.querySelector('.stage.live canvas'))`)]
		fmt.Fprintf(&out, "| %s | %s | %s |\n", strings.TrimPrefix(path, assimp+"/"), drawn, look[string](t, v.ctx, `document.querySelector('[data-said]').textContent`))
	}
	const doc = "../../docs/models.md"
	if *updateModels {
		must(t, os.WriteFile(doc, []byte(out.String()), 0o600))
	}
	want, err := os.ReadFile(doc)
	must(t, err)
	if string(want) != out.String() {
		t.Errorf("docs/models.md is not current:\n%s", out.String())
	}
	v.noViolation()
}
