package preview

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Limits of a document.
const (
	pdfPages = 100
	pdfSide  = "1800" // pixels of the longer side of a page
	pdfText  = 200 << 10

	// What is drawn when the first is over is shown; both are well before the worker itself is ended.
	pdfTime      = 40 * time.Second
	pdfWordsTime = 8 * time.Second
)

// popplers are the tools, where Debian's poppler-utils puts them.
var popplers = []string{"/usr/bin/pdfinfo", "/usr/bin/pdftoppm", "/usr/bin/pdftotext"}

// documented is the description of a document: how many pages it has, how many are shown, and what is written on them.
type documented struct {
	Kind  string   `json:"kind"` // "document"
	Pages int      `json:"pages"`
	Shown int      `json:"shown"`
	Text  []string `json:"text,omitempty"` // by page
	Cut   bool     `json:"cut"`
}

// PDF renders the pages of a document by Poppler's tools, which run none of its scripts and fetch nothing. They read it
// from memory, inside the worker's walls and limits.
func PDF(src io.ReadSeeker, _ int64, emit func(Page) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), pdfTime)
	defer cancel()
	pages, err := pdfInfo(ctx, src)
	if err != nil {
		return err
	}
	d := documented{Kind: "document", Pages: pages}
	if d.Shown, err = pdfDraw(ctx, src, min(pages, pdfPages), emit); err != nil {
		return err
	}
	d.Text, d.Cut = pdfWords(src, d.Shown)
	return emitInfo(d, emit)
}

// poppler makes a command that reads the document from its standard input.
func poppler(ctx context.Context, src io.ReadSeeker, name string, args ...string) (*exec.Cmd, error) {
	path := "/usr/bin/" + name
	if _, err := os.Stat(path); err != nil {
		return nil, ErrMissing
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // the names are ours
	cmd.Env = []string{"LANG=C.UTF-8"}
	cmd.Stdin, cmd.Stderr = src, os.Stderr // which is nothing: the worker cannot open even that
	return cmd, nil
}

func pdfInfo(ctx context.Context, src io.ReadSeeker) (pages int, err error) {
	cmd, err := poppler(ctx, src, "pdfinfo", "-")
	if err != nil {
		return 0, err
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		if strings.Contains(said.String(), "Incorrect password") {
			return 0, ErrEncrypted
		}
		return 0, failed(err)
	}
	for line := range strings.Lines(string(out)) {
		if n, ok := strings.CutPrefix(line, "Pages:"); ok {
			pages, err = strconv.Atoi(strings.TrimSpace(n))
		}
	}
	if err != nil || pages <= 0 {
		return 0, ErrBroken
	}
	return pages, nil
}

// failed tells a tool that was killed by a limit from one that did not like the file.
func failed(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 0 {
		return ErrStopped
	}
	return ErrBroken
}

// pdfDraw draws pages until the tool ends. What it drew before it failed is shown.
func pdfDraw(ctx context.Context, src io.ReadSeeker, last int, emit func(Page) error) (n int, err error) {
	cmd, err := poppler(ctx, src, "pdftoppm", "-f", "1", "-l", strconv.Itoa(last), "-scale-to", pdfSide, "-")
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, ErrMissing
	}
	drawn := bufio.NewReaderSize(out, 1<<20)
	for n < last {
		var img *image.RGBA
		if img, err = readPPM(drawn); err != nil {
			break
		}
		if n == 0 {
			if err := emitThumb(img, emit); err != nil {
				return n, err
			}
		}
		if err := emitDrawn("page", n, img, emit); err != nil {
			return n, err
		}
		n++
	}
	_, _ = io.Copy(io.Discard, drawn)
	end := cmd.Wait()
	if n > 0 {
		return n, nil
	}
	if end != nil {
		return 0, failed(end)
	}
	return 0, ErrBroken
}

// readPPM reads one picture of the form "P6 width height 255" and its bytes.
func readPPM(r *bufio.Reader) (*image.RGBA, error) {
	var w, h, most int
	if _, err := fmt.Fscanf(r, "P6\n%d %d\n%d\n", &w, &h, &most); err != nil {
		return nil, err
	}
	if w <= 0 || h <= 0 || w > pageSide || h > pageSide || most != 255 {
		return nil, ErrBroken
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	row := make([]byte, 3*w)
	for y := range h {
		if _, err := io.ReadFull(r, row); err != nil {
			return nil, err
		}
		to := img.Pix[y*img.Stride:]
		for x := range w {
			to[4*x], to[4*x+1], to[4*x+2], to[4*x+3] = row[3*x], row[3*x+1], row[3*x+2], 255
		}
	}
	return img, nil
}

// pdfWords reads what is written on the pages, for those who cannot see them. A document without any is shown all the same.
func pdfWords(src io.ReadSeeker, last int) (pages []string, cut bool) {
	ctx, cancel := context.WithTimeout(context.Background(), pdfWordsTime)
	defer cancel()
	cmd, err := poppler(ctx, src, "pdftotext", "-f", "1", "-l", strconv.Itoa(last), "-enc", "UTF-8", "-", "-")
	if err != nil {
		return nil, false
	}
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return nil, false
	}
	b, err := io.ReadAll(io.LimitReader(out, pdfText))
	_, _ = io.Copy(io.Discard, out)
	if cmd.Wait() != nil && len(b) == 0 || err != nil {
		return nil, false
	}
	for page := range strings.SplitSeq(strings.ToValidUTF8(string(b), "\uFFFD"), "\f") {
		pages = append(pages, strings.TrimSpace(harmless(page)))
	}
	return pages[:min(len(pages), last)], len(b) == pdfText
}
