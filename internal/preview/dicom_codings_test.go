package preview_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDICOMCodings lets dcmtk code files anew in each way it can, and compares what is shown of them with what is shown of
// the file before.
func TestDICOMCodings(t *testing.T) {
	if _, err := exec.LookPath("dcmcjpls"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("dcmtk is not installed")
	}
	dicomFiles(t)
	dir := t.TempDir()
	for _, source := range []string{"test_files/CT_small.dcm", "test_files/MR_small.dcm", "test_files/SC_rgb_jpeg_dcmd.dcm", "charset_files/chrArab.dcm"} {
		plain, err := renderFile(t, pydicomData+"/"+source)
		if err != nil {
			t.Fatal(err)
		}
		for _, coding := range []string{
			"dcmcrle", "dcmcjpeg +e1", "dcmcjpeg +el +sv 1", "dcmcjpeg +el +sv 2", "dcmcjpeg +el +sv 3", "dcmcjpeg +el +sv 4", "dcmcjpeg +el +sv 5", "dcmcjpeg +el +sv 6", "dcmcjpeg +el +sv 7",
			"dcmcjpls +el", "dcmcjpls +el +is", "dcmcjpls +el +in", "dcmcjpls +el +pc", "dcmcjpls +el +pc +rs 40", "dcmcjpls +en +md 3", "dcmcjpls +en +md 1 +is", "dcmcjpls +el +fs 1",
			"dcmconv +te", "dcmconv +tb", "dcmconv +ti", "dcmconv +td", "dcmconv +te +e", "dcmconv +te -e",
		} {
			words := strings.Fields(coding)
			out := filepath.Join(dir, "coded.dcm")
			if msg, err := exec.Command(words[0], append(words[1:], pydicomData+"/"+source, out)...).CombinedOutput(); err != nil {
				t.Logf("%s: dcmtk does not code %s so: %.200s", coding, source, msg)
				continue
			}
			coded, err := renderFile(t, out)
			if err != nil || coded.info.Reason != "" {
				t.Errorf("%s as %s: %v %s", source, coding, err, coded.info.Reason)
				continue
			}
			limit := 0
			if strings.Contains(coding, "+md 3") {
				limit = 3
			} else if strings.Contains(coding, "+md 1") {
				limit = 1
			}
			if worst := apart(t, plain, coded); worst > limit {
				t.Errorf("%s as %s (%s): differs by up to %d", source, coding, coded.info.Syntax, worst)
			}
		}
	}
}

// apart is the largest difference of the numbers of two renderings, or of their colours.
func apart(t *testing.T, a, b rendered) (worst int) {
	t.Helper()
	kind := "raw"
	if a.info.Color {
		kind = "page"
	}
	if len(a.pages[kind]) != len(b.pages[kind]) || a.info.Width != b.info.Width {
		return 1 << 16
	}
	for i, p := range a.pages[kind] {
		one, other := decodePNG(t, p.Data), decodePNG(t, b.pages[kind][i].Data)
		for k := range p.W * p.H {
			r1, g1, b1, _ := one.At(k%p.W, k/p.W).RGBA()
			r2, g2, b2, _ := other.At(k%p.W, k/p.W).RGBA()
			if a.info.Color {
				for _, d := range []int{int(r1>>8) - int(r2>>8), int(g1>>8) - int(g2>>8), int(b1>>8) - int(b2>>8)} {
					worst = max(worst, d, -d)
				}
				continue
			}
			d := int(r1>>8<<8|g1>>8) - int(r2>>8<<8|g2>>8)
			worst = max(worst, d, -d)
		}
	}
	return worst
}
