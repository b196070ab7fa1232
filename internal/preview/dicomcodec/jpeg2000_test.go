package dicomcodec_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"securepractice/internal/preview/dicomcodec"
)

// tool finds a program of Debian's; without it the test is passed over, but not in CI.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing", name)
	}
	t.Skipf("%s is not installed", name)
}

// scene is a picture with edges, slopes, flat places and noise, of w × h pixels with n samples of so many bits.
func scene(w, h, n, bits int) []uint16 {
	r := rand.New(rand.NewPCG(1, 2))
	most := float64(int(1)<<bits - 1)
	out := make([]uint16, w*h*n)
	for i := range out {
		x, y, c := float64(i/n%w), float64(i/n/w), float64(i%n)
		v := 0.4 + 0.3*math.Sin(x/9+c)*math.Cos(y/13)
		switch {
		case math.Hypot(x-float64(w)/2, y-float64(h)/3) < float64(min(w, h))/5:
			v = 0.95 - 0.1*c
		case int(y)%37 < 5:
			v = 0
		case int(x)%53 > 40:
			v += 0.05 * r.Float64()
		}
		out[i] = uint16(math.Round(min(max(v, 0), 1) * most))
	}
	return out
}

// pnm writes a picture as PGM or PPM.
func pnm(v []uint16, w, h, n, bits int) []byte {
	var out bytes.Buffer
	kind := 5
	if n == 3 {
		kind = 6
	}
	fmt.Fprintf(&out, "P%d\n%d %d\n%d\n", kind, w, h, 1<<bits-1)
	for _, x := range v {
		if bits > 8 {
			out.WriteByte(byte(x >> 8))
		}
		out.WriteByte(byte(x))
	}
	return out.Bytes()
}

// readPNM reads the samples of a PGM or PPM file.
func readPNM(t *testing.T, data []byte) (v []uint16) {
	t.Helper()
	var kind, w, h, most int
	text := string(data[:min(len(data), 256)])
	for strings.Contains(text, "\n#") {
		i := strings.Index(text, "\n#")
		text = text[:i+1] + text[i+1+strings.Index(text[i+1:], "\n")+1:]
	}
	if _, err := fmt.Sscanf(text, "P%d\n%d %d\n%d", &kind, &w, &h, &most); err != nil {
		t.Fatal(err)
	}
	n, size := 1, 1
	if kind == 6 {
		n = 3
	}
	if most > 255 {
		size = 2
	}
	body := data[len(data)-w*h*n*size:]
	for i := range w * h * n {
		x := uint16(body[i*size])
		if size == 2 {
			x = x<<8 | uint16(body[i*2+1])
		}
		v = append(v, x)
	}
	return v
}

// TestJPEG2000 decodes what OpenJPEG codes, in every way that it can code, and compares the samples with those that
// OpenJPEG decodes; what is coded without loss also with the original.
func TestJPEG2000(t *testing.T) {
	tool(t, "opj_compress")
	dir := t.TempDir()
	for i, c := range []struct {
		w, h, n, bits int
		options       string
	}{
		{131, 97, 1, 8, ""}, {131, 97, 1, 12, ""}, {131, 97, 1, 16, ""}, {130, 98, 3, 8, ""}, {64, 64, 3, 8, "-mct 0"}, {1, 1, 1, 8, "-n 1"}, {7, 5, 1, 12, "-n 2"}, {200, 9, 1, 8, "-n 3"},
		{131, 97, 1, 12, "-n 1"}, {131, 97, 1, 12, "-n 3"}, {131, 97, 1, 12, "-b 4,4"}, {131, 97, 1, 12, "-b 16,64"}, {131, 97, 1, 12, "-b 64,16 -M 1"}, {131, 97, 1, 16, "-M 1"},
		{131, 97, 1, 12, "-M 2"}, {131, 97, 1, 12, "-M 4"}, {131, 97, 1, 12, "-M 8"}, {131, 97, 1, 12, "-M 16"}, {131, 97, 1, 12, "-M 32"}, {131, 97, 1, 12, "-M 5"}, {131, 97, 1, 12, "-M 63"},
		{131, 97, 1, 12, "-SOP -EPH"}, {131, 97, 1, 12, "-TP R -p RPCL"}, {131, 97, 3, 8, "-PLT -TLM"}, {131, 97, 1, 12, "-t 50,40"}, {131, 97, 3, 8, "-t 64,64 -p CPRL"},
		{131, 97, 1, 12, "-c [32,32],[16,16] -n 4 -p RPCL"}, {131, 97, 3, 8, "-c [64,32] -p PCRL -t 70,60"}, {131, 97, 3, 8, "-c [32,32] -p RLCP"}, {131, 97, 3, 8, "-c [32,64] -p CPRL"},
		{131, 97, 1, 12, "-d 13,9"}, {131, 97, 1, 12, "-d 13,9 -T 5,3 -t 60,50"}, {131, 97, 1, 12, "-r 8,4,1"}, {131, 97, 3, 8, "-r 12,4 -p LRCP"}, {131, 97, 1, 12, "-r 20"},
		{131, 97, 1, 8, "-I"}, {131, 97, 1, 12, "-I -r 10"}, {131, 97, 3, 8, "-I -r 20,10"}, {131, 97, 1, 16, "-I -n 4"}, {131, 97, 3, 8, "-I -t 50,50 -M 1 -r 5,2"}, {131, 97, 1, 12, "-GuardBits 4"},
	} {
		name := fmt.Sprintf("%d bits, %d × %d × %d, %s", c.bits, c.w, c.h, c.n, c.options)
		original := scene(c.w, c.h, c.n, c.bits)
		ext := map[int]string{1: ".pgm", 3: ".ppm"}[c.n]
		in, coded, out := filepath.Join(dir, "in"+ext), filepath.Join(dir, fmt.Sprintf("%d.%s", i, []string{"j2k", "jp2"}[i%2])), filepath.Join(dir, "out"+ext)
		if err := os.WriteFile(in, pnm(original, c.w, c.h, c.n, c.bits), 0o600); err != nil {
			t.Fatal(err)
		}
		if msg, err := exec.Command("opj_compress", append([]string{"-i", in, "-o", coded}, strings.Fields(c.options)...)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, msg)
		}
		if msg, err := exec.Command("opj_decompress", "-i", coded, "-o", out).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, msg)
		}
		data, _ := os.ReadFile(coded)
		p, err := dicomcodec.JPEG2000(data, 1<<20)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		reference, _ := os.ReadFile(out)
		want := readPNM(t, reference)
		if p.W != c.w || p.H != c.h || p.N != c.n || p.Bits != c.bits || p.Signed || len(want) != len(p.V) {
			t.Errorf("%s: a picture of %d × %d × %d, %d bits", name, p.W, p.H, p.N, p.Bits)
			continue
		}
		limit := 0
		if strings.Contains(c.options, "-I") {
			limit = 1 + 1<<c.bits/4096 // rounding
		}
		if worst := farthest(p.V, want); worst > limit {
			t.Errorf("%s: differs by up to %d from OpenJPEG", name, worst)
		}
		if !strings.Contains(c.options, "-r") && !strings.Contains(c.options, "-I") && farthest(p.V, original) > 0 {
			t.Errorf("%s: differs from the original", name)
		}
	}
}

func farthest(a, b []uint16) (worst int) {
	for i := range a {
		worst = max(worst, int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return worst
}
