package preview

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"strings"
	"time"

	"golang.org/x/image/draw"
)

// Limits of what is made of a DICOM file. A longer series is shown with frames left out, evenly.
const (
	dicomMaxShown   = 256        // frames
	dicomMaxOutput  = 128 << 20  // bytes of all pictures
	dicomMaxGrey    = 10_000_000 // pixels of a picture; larger ones are shown smaller
	dicomMaxColours = 7_500_000
	dicomMaxTime    = 25 * time.Second // after which no further frame is begun
	dicomThumbEdge  = 320              // pixels
)

// DICOM renders a DICOM file. Of a picture it emits a thumbnail of the frame in the middle; for each frame a page, as the
// file's own window shows it; the frame's numbers (raw), unless it has colours; and last the description (info, a
// DicomInfo). A DICOM file without a picture that can be shown has a description alone, with the reason. An error means
// that src is no DICOM file, or that emit failed.
func DICOM(src io.ReadSeeker, size int64, emit func(Page) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the DICOM file broke its reader: %v", r)
		}
	}()
	f, err := readDICOM(src, size)
	if err != nil {
		return err
	}
	in := &DicomInfo{Frames: 1, Step: 1, Aspect: 1}
	l, problem := f.layout()
	f.describe(l, in)
	if problem == nil {
		in.Frames = l.frames
		w := &dicomWriter{f: f, l: l, in: in, emit: emit, until: time.Now().Add(dicomMaxTime)}
		problem = w.frames()
		if w.broken != nil {
			return w.broken
		}
	}
	if problem != nil && in.Shown == 0 {
		in.Reason = f.reason(problem)
	}
	if f.short {
		in.Notes = append(in.Notes, "The file ends early. What is missing of the picture is shown as zero.")
	}
	data, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return emit(Page{Kind: "info", Type: "application/json", Data: data})
}

// reason says to people why there is no picture.
func (f *dicomFile) reason(problem error) string {
	switch {
	case f.meta.text(tagMediaClass) == "1.2.840.10008.1.3.10":
		return "This file is the directory of a set of DICOM files. It holds no picture itself."
	case errors.Is(problem, errNoPixels):
		return "This DICOM file holds no picture."
	case errors.Is(problem, errDICOMEnds):
		return "The picture cannot be shown: the file ends early."
	}
	return "The picture cannot be shown: " + problem.Error() + "."
}

// dicomWriter makes the pictures of a file.
type dicomWriter struct {
	f      *dicomFile
	l      dicomLayout
	in     *DicomInfo
	emit   func(Page) error
	broken error // what emit said
	until  time.Time
	window DicomWindow
	shrink int
	bytes  int
}

// frames emits the thumbnail and the frames that the limits let pass.
func (w *dicomWriter) frames() error {
	w.plan()
	if err := w.first(w.l.frames / 2 / w.in.Step * w.in.Step); err != nil {
		return err
	}
	for i := 0; i < w.l.frames; i += w.in.Step {
		if time.Now().After(w.until) || w.bytes > dicomMaxOutput {
			w.note("Only the frames up to number %d are shown, of %d.", i, w.l.frames)
			return nil
		}
		if err := w.frame(i); err != nil {
			if w.broken == nil && w.in.Shown > 0 {
				w.note("Frame %d cannot be read. The frames before it are shown.", i+1)
			}
			return err
		}
	}
	return nil
}

func (w *dicomWriter) note(format string, a ...any) {
	w.in.Notes = append(w.in.Notes, fmt.Sprintf(format, a...))
}

// plan settles how many frames are shown and how small.
func (w *dicomWriter) plan() {
	l := w.l
	w.in.Color = l.n == 3 || l.photo == "PALETTE COLOR"
	most := dicomMaxGrey
	if w.in.Color {
		most = dicomMaxColours
	}
	w.shrink = 1
	for l.w/w.shrink*(l.h/w.shrink) > most {
		w.shrink++
	}
	if w.shrink > 1 {
		w.note("The picture is shown at 1/%d of its size. The download has all of it.", w.shrink)
	}
	w.in.Width, w.in.Height = l.w/w.shrink, l.h/w.shrink
	w.in.Invert = l.photo == "MONOCHROME1"
	row, column, _ := w.f.gaps()
	w.in.Aspect = row / column
	w.in.FrameMS = min(max(w.f.number(tagFrameTime, 0), 0), 10_000)
	cost := max(1, w.in.Width*w.in.Height*2) // bytes that a frame is likely to take
	w.in.Step = max(1, (l.frames+dicomMaxShown-1)/dicomMaxShown, (l.frames*cost+dicomMaxOutput-1)/dicomMaxOutput)
	if w.in.Step > 1 {
		w.note("The file has %d frames. One of %d is shown.", l.frames, w.in.Step)
	}
}

// first looks at frame i for the window that all frames are shown with, and emits the thumbnail.
func (w *dicomWriter) first(i int) error {
	s, err := w.f.samples(w.l, i)
	if err != nil {
		return err
	}
	if w.in.Color {
		img, err := w.f.colours(s, w.l)
		if err != nil {
			return err
		}
		return w.thumb(smallerColour(img, w.shrink))
	}
	g := w.f.gray(s, w.l, i)
	w.in.Windows = w.f.windows(i)
	lo, hi := g.value(g.lo), g.value(g.hi)
	whole := DicomWindow{Name: "Full range", Center: (min(lo, hi) + max(lo, hi) + 1) / 2, Width: max(lo, hi) - min(lo, hi) + 1}
	w.in.Windows = append(w.in.Windows, whole)
	w.window = w.in.Windows[0]
	w.in.Min, w.in.Max = min(lo, hi), max(lo, hi)
	w.in.Unit = w.f.unit()
	if strings.EqualFold(w.f.text(tagWindowFunction), "SIGMOID") {
		w.note("The file asks for a curved window. A straight one is shown.")
	}
	g.smaller(w.shrink)
	return w.thumb(g.picture(w.window, w.in.Invert))
}

// unit is the unit of the values, where the file names one that people know.
func (f *dicomFile) unit() string {
	switch u := f.text(tagUnit); {
	case u == "HU", u == "" && f.text(tagModality) == "CT":
		return "HU"
	}
	return ""
}

func (w *dicomWriter) thumb(img image.Image) error {
	b := img.Bounds()
	wide, high := float64(b.Dx()), float64(b.Dy())*w.in.Aspect
	k := min(1, dicomThumbEdge/max(wide, high))
	small := image.NewNRGBA(image.Rect(0, 0, max(1, int(wide*k)), max(1, int(high*k))))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), img, b, draw.Src, nil)
	return w.picture("thumb", 0, small, png.DefaultCompression)
}

// frame emits what is shown of frame i.
func (w *dicomWriter) frame(i int) error {
	s, err := w.f.samples(w.l, i)
	if err != nil {
		return err
	}
	n := w.in.Shown
	if w.in.Color {
		img, err := w.f.colours(s, w.l)
		if err == nil {
			err = w.picture("page", n, smallerColour(img, w.shrink), png.DefaultCompression)
		}
		if err == nil {
			w.in.Shown++
		}
		return err
	}
	g := w.f.gray(s, w.l, i)
	lo, hi := g.value(g.lo), g.value(g.hi)
	w.in.Min, w.in.Max = min(w.in.Min, lo, hi), max(w.in.Max, lo, hi)
	g.smaller(w.shrink)
	if err := w.picture("page", n, g.picture(w.window, w.in.Invert), png.DefaultCompression); err != nil {
		return err
	}
	img, sum := g.packed()
	if err := w.picture("raw", n, img, png.BestSpeed); err != nil {
		return err
	}
	w.in.Raw = append(w.in.Raw, DicomFrame{Slope: g.slope, Intercept: g.intercept, Sum: sum})
	w.in.Shown++
	return nil
}

// picture emits an image as PNG.
func (w *dicomWriter) picture(kind string, n int, img image.Image, level png.CompressionLevel) error {
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: level}).Encode(&out, img); err != nil {
		return err
	}
	w.bytes += out.Len()
	b := img.Bounds()
	w.broken = w.emit(Page{Kind: kind, N: n, Type: "image/png", W: b.Dx(), H: b.Dy(), Data: out.Bytes()})
	return w.broken
}
