package preview_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"securepractice/internal/preview"
)

var update = flag.Bool("update", false, "write docs/dicom.md anew")

// pydicomData is where Debian's python3-pydicom has its test files, which none of us made.
const pydicomData = "/usr/lib/python3/dist-packages/pydicom/data"

// dicomFiles lists all the test files, sorted. Without them the test is passed over, but not in CI.
func dicomFiles(t testing.TB) (list []string) {
	err := filepath.WalkDir(pydicomData, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch name := d.Name(); {
		case strings.HasSuffix(name, ".dcm"), strings.HasPrefix(name, "DICOMDIR"), strings.Contains(path, "dicomdirtests/") && !strings.HasPrefix(name, "README"):
			list = append(list, path)
		}
		return nil
	})
	if err == nil && len(list) > 100 {
		return list
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("the test files of python3-pydicom are missing (%v)", err)
	}
	t.Skip("python3-pydicom is not installed")
	return nil
}

// rendered is what DICOM makes of a file.
type rendered struct {
	info  preview.DicomInfo
	pages map[string][]preview.Page
}

func render(data []byte) (r rendered, err error) {
	r.pages = map[string][]preview.Page{}
	err = preview.DICOM(bytes.NewReader(data), int64(len(data)), func(p preview.Page) error {
		r.pages[p.Kind] = append(r.pages[p.Kind], p)
		return nil
	})
	if info := r.pages["info"]; err == nil && len(info) == 1 {
		err = json.Unmarshal(info[0].Data, &r.info)
	}
	return r, err
}

func renderFile(t *testing.T, path string) (rendered, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return render(data)
}

// TestDICOMFiles renders every file of python3-pydicom and compares what is shown with docs/dicom.md.
func TestDICOMFiles(t *testing.T) {
	var out strings.Builder
	shown, total := 0, 0
	for _, path := range dicomFiles(t) {
		total++
		r, err := renderFile(t, path)
		name := strings.TrimPrefix(path, pydicomData+"/")
		what := r.info.Reason
		switch {
		case err != nil:
			what = "Refused: " + err.Error()
		case what == "":
			shown++
			what = "shown"
			if len(r.info.Notes) > 0 {
				what += "; " + strings.Join(r.info.Notes, " ")
			}
			complete(t, name, r)
		}
		fmt.Fprintf(&out, "| %s | %s | %d | %s |\n", name, r.info.Syntax, r.info.Frames, what)
	}
	table := fmt.Sprintf(dicomHead, total, shown) + out.String()
	const doc = "../../docs/dicom.md"
	if *update {
		if err := os.WriteFile(doc, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != table {
		t.Errorf("docs/dicom.md is not current (go test ./internal/preview -run TestDICOMFiles -update):\n%s", table)
	}
}

const dicomHead = `# DICOM files

What the viewer makes of every DICOM file of Debian's python3-pydicom: %d files, %d of them shown. Written by
` + "`go test ./internal/preview -run TestDICOMFiles -update`" + `; the values of the pixels are compared with pydicom, dcmtk and Pillow by
TestDICOMValues.

Decoded by our own code, in Go: pixels that are not compressed (also deflated and big endian), RLE, JPEG baseline,
extended (12 bit) and lossless, JPEG-LS, JPEG 2000. Not shown: video (MPEG), high-throughput JPEG 2000, files that hold no
picture. Overlays are not drawn. A series of more than 256 frames is shown with frames left out, evenly.

| File | Stored as | Frames | Result |
| --- | --- | --- | --- |
`

// complete checks that the pages of a file that is shown are what its description says.
func complete(t *testing.T, name string, r rendered) {
	t.Helper()
	if n := r.info.Shown; n < 1 || len(r.pages["page"]) != n || len(r.pages["thumb"]) != 1 {
		t.Errorf("%s: %d pages, %d thumbs, %d shown", name, len(r.pages["page"]), len(r.pages["thumb"]), r.info.Shown)
	}
	if r.info.Color != (len(r.pages["raw"]) == 0) || len(r.info.Raw) != len(r.pages["raw"]) {
		t.Errorf("%s: %d raw frames, described %d", name, len(r.pages["raw"]), len(r.info.Raw))
	}
	for kind, pages := range r.pages {
		for i, p := range pages {
			if kind == "info" {
				continue
			}
			c, err := png.DecodeConfig(bytes.NewReader(p.Data))
			if err != nil || p.N != i || c.Width != p.W || c.Height != p.H || kind != "thumb" && (p.W != r.info.Width || p.H != r.info.Height) {
				t.Errorf("%s: %s %d is %v × %v: %v", name, kind, i, c.Width, c.Height, err)
			}
		}
	}
}

// seen is what the independent decoder makes of a file.
type seen struct {
	File, Kind, Why, Data string
	Shape                 []int
}

// TestDICOMValues compares the values of every frame with those that pydicom finds.
func TestDICOMValues(t *testing.T) {
	files := dicomFiles(t)
	cmd := exec.Command("/usr/bin/python3", "testdata/values.py")
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n"))
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, problems.String())
	}
	compared := 0
	for line := range bytes.Lines(out) {
		var s seen
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		r, err := renderFile(t, s.File)
		name := strings.TrimPrefix(s.File, pydicomData+"/")
		switch {
		case s.Kind == "none":
			t.Logf("%s: not compared, %s", name, s.Why)
		case err != nil || r.info.Reason != "":
			t.Logf("%s: we do not show it: %v %s", name, err, r.info.Reason)
		default:
			compared++
			s.compare(t, name, r)
		}
	}
	t.Logf("%d files compared", compared)
	if compared < 80 {
		t.Errorf("only %d files were compared", compared)
	}
}

// lossy codings may differ a little between decoders, as T.81 and T.800 allow.
func lossy(syntax string) bool {
	return syntax == "JPEG baseline" || syntax == "JPEG extended, 12 bit" || syntax == "JPEG 2000"
}

func (s seen) compare(t *testing.T, name string, r rendered) {
	t.Helper()
	want, err := base64.StdEncoding.DecodeString(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	var worst, sum float64
	count := 0
	add := func(got, want float64) {
		d := math.Abs(got - want)
		worst, sum, count = max(worst, d), sum+d, count+1
	}
	if s.Kind == "colour" {
		for _, p := range r.pages["page"] {
			img := decodePNG(t, p.Data)
			for k := range p.W * p.H {
				red, green, blue, _ := img.At(k%p.W, k/p.W).RGBA()
				for _, v := range []uint32{red, green, blue} {
					add(float64(v>>8), float64(want[count]))
				}
			}
		}
	} else {
		for i, p := range r.pages["raw"] {
			img := decodePNG(t, p.Data)
			for k := range p.W * p.H {
				red, green, _, _ := img.At(k%p.W, k/p.W).RGBA()
				f := r.info.Raw[i]
				got := float64(red>>8<<8|green>>8)*f.Slope + f.Intercept
				add(got, float64(math.Float32frombits(binary.LittleEndian.Uint32(want[4*count:]))))
			}
		}
	}
	limit := (r.info.Max - r.info.Min) * 1e-4
	if s.Kind == "colour" {
		limit = 1 // rounding of colour spaces
	}
	if lossy(r.info.Syntax) {
		limit = max(3, (r.info.Max-r.info.Min)*0.002)
	}
	if strings.HasSuffix(name, "SC_rgb_jpeg_lossy_gdcm.dcm") {
		return // says RGB but its colours are subsampled luminance and chrominance; the reference takes it at its word
	}
	if s.Kind == "colour" && lossy(r.info.Syntax) && sum/float64(count) < 3 {
		return // subsampled colours may be spread smoothly or not
	}
	if worst > limit {
		t.Errorf("%s (%s): differs by up to %.3f, %.4f on average, over %d numbers", name, r.info.Syntax, worst, sum/float64(count), count)
	}
}

func decodePNG(t *testing.T, data []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}
