package attach

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"securepractice/internal/preview"
)

var update = flag.Bool("update", false, "write docs/file-types.md anew")

// collection is a collection of files that none of us made: a folder that a Debian package brings, or a Go module.
type collection struct {
	name, dir, module string
	headers           bool // only the beginnings of files, made to try programs that tell types apart
}

var sources = []collection{
	{name: "python3-pydicom", dir: "/usr/lib/python3/dist-packages/pydicom/data"},
	{name: "clamav-testfiles", dir: "/usr/share/clamav-testfiles"},
	{name: "assimp-testmodels", dir: "/usr/share/assimp/models"},
	{name: "mimetype", module: "github.com/gabriel-vasile/mimetype@v1.4.16"},
	{name: "x/image", module: "golang.org/x/image@v0.47.0"},
	{name: "go-pdfium", module: "github.com/klippa-app/go-pdfium@v1.20.0"},
	{name: "bimg", module: "github.com/h2non/bimg@v1.1.9"},
	{name: "goexif", module: "github.com/rwcarlsen/goexif@v0.0.0-20190401172101-9e8deecbddbd"},
	{name: "filetype", module: "github.com/h2non/filetype@v1.1.3"},
	{name: "go-audio/aiff", module: "github.com/go-audio/aiff@v1.1.0"},
	{name: "go-audio/wav", module: "github.com/go-audio/wav@v1.1.0"},
	{name: "tag", module: "github.com/dhowden/tag@v0.0.0-20240417053706-3d75831295e8"},
	{name: "go-mp4", module: "github.com/abema/go-mp4@v1.4.1"},
	{name: "stl", module: "github.com/hschendel/stl@v1.0.4"},
	{name: "rpm", module: "github.com/cavaliergopher/rpm@v1.3.0"},
	{name: "mscfb", module: "github.com/richardlehane/mscfb@v1.0.4"},
	{name: "excelize", module: "github.com/xuri/excelize/v2@v2.9.0"},
	{name: "siegfried", module: "github.com/richardlehane/siegfried@v1.11.1", headers: true},
}

// folder is where a source's files are. A module comes from the same place as those that the program is built of.
func (s collection) folder(t *testing.T) string {
	t.Helper()
	if s.dir != "" {
		if _, err := os.Stat(s.dir); err != nil {
			missing(t, s.name, err)
		}
		return s.dir
	}
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", s.module)
	cmd.Dir = t.TempDir()
	out, err := cmd.Output()
	var said struct{ Dir, Error string }
	if err := errors.Join(err, json.Unmarshal(out, &said)); err != nil || said.Dir == "" {
		missing(t, s.name, errors.Join(err, errors.New(said.Error)))
	}
	return said.Dir
}

func missing(t *testing.T, name string, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("the files of %s are missing: %v", name, err)
	}
	t.Skipf("the files of %s are not here: %v", name, err)
}

// realFile is a real file and what became of it.
type realFile struct {
	source, name, path string
	headers            bool
	j                  judgement
}

func collect(t *testing.T) map[string][]realFile {
	all := map[string][]realFile{}
	for _, s := range sources {
		root := s.folder(t)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			ext := extension(d.Name())
			rel, _ := filepath.Rel(root, path)
			headers := s.headers && strings.Contains(rel, "skeleton")
			if _, ok := typeOf(ext); !ok || s.headers && ext == "xml" {
				return nil
			}
			all[ext] = append(all[ext], realFile{source: s.name, name: rel, path: path, headers: headers})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestRealFiles judges every file and draws some of each type, and compares what became of them with docs/file-types.md.
func TestRealFiles(t *testing.T) {
	all := collect(t)
	runner := preview.NewRunner(preview.Limits{}, nil)
	var table, refused strings.Builder
	for _, ext := range slices.Sorted(maps.Keys(allTypes())) {
		kind, _ := typeOf(ext)
		files := all[ext]
		slices.SortStableFunc(files, func(a, b realFile) int { return cmp.Compare(a.path, b.path) })
		for i := range files {
			judgeFile(t, &files[i], ext)
			if f := files[i]; f.j.reason != "" && !f.headers {
				fmt.Fprintf(&refused, "| %s | %s | %s | %s | %s |\n", ext, f.source, filepath.Base(f.name), f.j.found, why(f.j.reason))
			}
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %s |\n", ext, kind.kind, howMany(files), acceptedOf(files), found(files), shownAs(t, runner, ext, files))
	}
	const path = "../../docs/file-types.md"
	text := typesHead + table.String() + typesMiddle + refused.String()
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if was, err := os.ReadFile(path); err != nil || string(was) != text {
		t.Errorf("docs/file-types.md says something else (%v); look at what go test ./internal/attach -run TestRealFiles -update changes", err)
	}
}

func allTypes() map[string]fileType {
	all := maps.Clone(accepted)
	maps.Copy(all, beyond)
	return all
}

func judgeFile(t *testing.T, f *realFile, ext string) {
	t.Helper()
	r, err := os.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if f.j, err = content(r, info.Size(), ext); err != nil && info.Size() > 0 {
		t.Fatalf("%s: %v", f.path, err)
	}
	if info.Size() == 0 {
		f.j.reason = "empty"
	}
}

// why are the table's words for a reason.
func why(reason string) string {
	return map[string]string{
		reasonType: "not what its name says", reasonProgram: "a program, or cut short", reasonInside: "holds a program", reasonArchive: "cannot be looked into",
		reasonEncrypted: "has a password", reasonPixels: "too many pixels", "empty": "empty",
	}[reason]
}

func howMany(files []realFile) string {
	headers := 0
	for _, f := range files {
		if f.headers {
			headers++
		}
	}
	switch real := len(files) - headers; {
	case len(files) == 0:
		return "none"
	case headers == 0:
		return fmt.Sprint(real)
	case real == 0:
		return fmt.Sprintf("%d headers", headers)
	default:
		return fmt.Sprintf("%d, %d headers", real, headers)
	}
}

// acceptedOf says how many were accepted, and why the others were not.
func acceptedOf(files []realFile) string {
	if len(files) == 0 {
		return ""
	}
	ok, not := 0, map[string]int{}
	for _, f := range files {
		if f.j.reason == "" {
			ok++
		} else {
			not[why(f.j.reason)]++
		}
	}
	words := []string{fmt.Sprint(ok)}
	for _, reason := range slices.Sorted(maps.Keys(not)) {
		words = append(words, fmt.Sprintf("%d %s", not[reason], reason))
	}
	return strings.Join(words, "; ")
}

func found(files []realFile) string {
	types := map[string]bool{}
	for _, f := range files {
		if f.j.reason == "" {
			types[f.j.found] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(types)), ", ")
}

// shownAs says how files of a type are seen without fetching them, as tried with some of the accepted ones.
func shownAs(t *testing.T, runner *preview.Runner, ext string, files []realFile) string {
	t.Helper()
	switch {
	case slices.Contains([]string{"stl", "ply", "obj"}, ext):
		return "model, by the browser"
	case Playable("x."+ext) != "":
		return "player, by the browser"
	case !preview.Can(ext):
		return "no: download only"
	}
	const most, largest = 6, 8 << 20
	tried, shown, not := 0, 0, map[string]int{}
	for _, f := range files {
		info, err := os.Stat(f.path)
		if err != nil || f.j.reason != "" || f.headers || info.Size() > largest || tried == most {
			continue
		}
		tried++
		if err := drawFile(t.Context(), runner, ext, f.path, info.Size()); err != nil {
			not[preview.Reason(err)]++
		} else {
			shown++
		}
	}
	if tried == 0 {
		return "yes, tried with files of our own"
	}
	words := []string{fmt.Sprintf("%d of %d", shown, tried)}
	for _, reason := range slices.Sorted(maps.Keys(not)) {
		words = append(words, fmt.Sprintf("%d %s", not[reason], reason))
	}
	return strings.Join(words, "; ")
}

func drawFile(ctx context.Context, runner *preview.Runner, ext, path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return runner.Render(ctx, ext, f, size, func(preview.Page) error { return nil })
}

const typesHead = `# Types of files

What may be attached, tried with files that none of us made: those of Debian's python3-pydicom, clamav-testfiles and assimp-testmodels, and of the tests of Go modules. The
table is written by ` + "`go test ./internal/attach -run TestRealFiles -update`" + ` and compared in every run.

A file is accepted when its extension is in the table and its content is of that type; then the scanner looks at it. *Headers* are beginnings of files, out of a collection
(siegfried) that tries programs which tell types apart: for old types there is nothing else to be had, and that a bare header of an archive or a picture is refused is right.
*Shown* tells how many of at most six were drawn as a preview, and why not the others: *broken* or *encrypted* files, *large* ones, those that are *empty* to the eye.
Every DICOM file stands in [dicom.md](dicom.md), every model in [models.md](models.md).

csv, heic, heif, ply and webp can be switched off (` + "`more_types`" + `). Types that no program can tell apart are accepted by their name when their bytes are of no other known type. The
types without a preview are old office, drawing and dictation formats that no free program opens safely; they are scanned and downloaded.

| Type | Kind | Files | Accepted | Found as | Shown |
|---|---|---|---|---|---|
`

const typesMiddle = `
## Refused, one by one

Whole files only. The test files of a virus scanner are mostly containers of one harmless program.

| Type | From | File | Found as | Why |
|---|---|---|---|---|
`
