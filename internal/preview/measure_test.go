package preview_test

import (
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"securepractice/internal/preview"
)

// noted keeps what the runner says of each worker.
type noted struct {
	slog.Handler
	took   time.Duration
	memory int64
}

func (*noted) Enabled(context.Context, slog.Level) bool { return true }

func (n *noted) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "took":
			n.took = a.Value.Duration()
		case "memory":
			n.memory = a.Value.Int64()
		}
		return true
	})
	return nil
}

// grainy is a picture like those of cameras: smooth, with grain.
func grainy(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(1, 2))
	for y := range h {
		for x := range w {
			g := uint8(r.UintN(9))
			img.SetRGBA(x, y, color.RGBA{uint8(x*200/w) + g, uint8(y*200/h) + g, uint8((x+y)*100/(w+h)) + g, 255})
		}
	}
	return img
}

// TestMeasure draws large files of each kind within the limits, and says how long it took and how much memory. MEASURE=1
// adds the largest.
func TestMeasure(t *testing.T) {
	n := &noted{Handler: slog.DiscardHandler}
	r := preview.NewRunner(preview.Limits{}, slog.New(n))
	run := func(name, ext string, data []byte, want int) {
		t.Helper()
		debug.FreeOSMemory() // the kernel counts what the parent has at the start to the child's peak
		all, err := pages(t, r, ext, data)
		if err != nil || len(all) < want {
			t.Errorf("%s: %d pages, %v", name, len(all), err)
		}
		t.Logf("%-28s %8.1f KB %5d pages %7.0f ms %6.0f MB", name, float64(len(data))/1e3, len(all), float64(n.took.Microseconds())/1e3, float64(n.memory)/1e6)
	}
	photoOf := func(w, h int) []byte {
		return encoded(t, func(out io.Writer) error { return jpeg.Encode(out, grainy(w, h), nil) })
	}
	run("photo, 2 megapixels", "jpg", photoOf(1600, 1200), 3)
	run("text", "txt", []byte(strings.Repeat("A line of words.\n", 20_000)), 1)
	run("table", "csv", []byte(strings.Repeat("Name,Date,Tooth\n", 20_000)), 1)
	heic, err := os.ReadFile("testdata/photo.heic")
	if err != nil {
		t.Fatal(err)
	}
	run("HEIC, 0.3 megapixels", "heic", heic, 3)
	if os.Getenv("MEASURE") == "" {
		return
	}
	run("photo, 12 megapixels", "jpg", photoOf(4032, 3024), 3)
	run("photo, 24 megapixels", "jpg", photoOf(6000, 4000), 3)
	run("photo, 78 megapixels", "jpg", photoOf(10_200, 7650), 3)
	run("PNG, 24 megapixels", "png", encoded(t, func(out io.Writer) error { return png.Encode(out, grainy(6000, 4000)) }), 3)
	run("PNG, 119 megapixels of grey", "png", small(t, 11_900, 10_000), 3)
	needPDF(t)
	for _, count := range []int{1, 10, 100} {
		run("PDF", "pdf", paper(t, func(d *fpdf.Fpdf) {
			for range count - 1 {
				d.AddPage()
				d.MultiCell(180, 6, strings.Repeat("A page of words about teeth. ", 90), "", "", false)
			}
		}), count+2)
	}
}
