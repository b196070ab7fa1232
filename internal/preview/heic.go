package preview

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/binary"
	"image"
	"io"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// heifModule is libheif with libde265 as a WebAssembly module; heif/README.md says where it is from.
//
//go:embed heif/heif.wasm.gz
var heifModule []byte

// heifMemory is the most memory the module may have, in pages of 64 KiB: 512 MiB.
const heifMemory = 8192

// What the module says a picture is made of.
const (
	heifYCbCr = 0
	heifRGB   = 1
	heifGrey  = 2
	heif420   = 1
	heif422   = 2
	heif444   = 3
)

// HEIC renders the photos of phones: HEIF with HEVC inside. Its turning is part of the file and done by the decoder.
func HEIC(src io.ReadSeeker, size int64, emit func(Page) error) error {
	file, err := head(src, size)
	if err != nil {
		return err
	}
	h, err := newHEIF(file)
	if err != nil {
		return err
	}
	defer h.mod.Close(h.ctx) //nolint:errcheck // its memory ends with it
	img, err := h.decode()
	if err != nil {
		return err
	}
	return emitPicture(img, 1, emit)
}

// heif is one file in the module's memory.
type heif struct {
	ctx  context.Context // of calls that have nothing to wait for
	mod  api.Module
	file []byte
	in   uint32 // where the file is
	says uint32 // where five numbers are: width, height, colours, their parts, whether the holes are in them
}

// heifCompiled is the module made into machine code, once in a process: most of what a photo takes.
var heifCompiled = sync.OnceValues(func() (func(context.Context) (api.Module, error), error) {
	ctx := context.Background()
	z, err := gzip.NewReader(bytes.NewReader(heifModule))
	if err != nil {
		return nil, err
	}
	code, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(heifMemory).WithMemoryCapacityFromMax(true))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		return nil, err
	}
	compiled, err := rt.CompileModule(ctx, code)
	if err != nil {
		return nil, err
	}
	// No configuration: it has no files, no clock, no arguments, and what it writes is lost.
	return func(ctx context.Context) (api.Module, error) {
		return rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	}, nil
})

func newHEIF(file []byte) (*heif, error) {
	h := &heif{ctx: context.Background(), file: file}
	start, err := heifCompiled()
	if err != nil {
		return nil, err
	}
	if h.mod, err = start(h.ctx); err != nil {
		return nil, err
	}
	if h.in, err = h.alloc(len(file)); err != nil {
		return nil, err
	}
	h.mod.Memory().Write(h.in, file)
	h.says, err = h.alloc(5 * 4)
	return h, err
}

func (h *heif) alloc(n int) (uint32, error) {
	r, err := h.mod.ExportedFunction("malloc").Call(h.ctx, uint64(n)) //nolint:gosec // a length
	if err != nil || r[0] == 0 {
		return 0, ErrTooLarge
	}
	return uint32(r[0]), nil //nolint:gosec // an address of the module's 32 bits
}

// call has the module read what the picture is (out 0), or draw it to out.
func (h *heif) call(out uint32) (says [4]uint32, err error) {
	only := uint64(1)
	if out != 0 {
		only = 0
	}
	at := func(i uint32) uint64 { return uint64(h.says + 4*i) }
	r, err := h.mod.ExportedFunction("decode").Call(h.ctx, uint64(h.in), uint64(len(h.file)), only, at(0), at(1), at(2), at(3), at(4), uint64(out))
	if err != nil || r[0] == 0 {
		return says, ErrBroken
	}
	b, ok := h.mod.Memory().Read(h.says, 16)
	if !ok {
		return says, ErrBroken
	}
	for i := range says {
		says[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return says, nil
}

// decode gives the picture, in the module's own memory.
func (h *heif) decode() (image.Image, error) {
	is, err := h.call(0)
	if err != nil {
		return nil, err
	}
	if is[0] == 0 || is[1] == 0 {
		return nil, ErrBroken
	}
	if is[0] > maxSide || is[1] > maxSide || uint64(is[0])*uint64(is[1]) > heifPixels {
		return nil, ErrTooLarge
	}
	shape, size, err := heifShape(is)
	if err != nil {
		return nil, err
	}
	out, err := h.alloc(size)
	if err != nil {
		return nil, err
	}
	again, err := h.call(out)
	if err != nil || again != is {
		return nil, ErrBroken
	}
	b, ok := h.mod.Memory().Read(out, uint32(size)) //nolint:gosec // below the module's memory
	if !ok {
		return nil, ErrBroken
	}
	return shape(b), nil
}

// heifPixels is what fits into the module's memory twice.
const heifPixels = 64_000_000

// heifShape says how many bytes a picture has and how they are one.
func heifShape(is [4]uint32) (shape func([]byte) image.Image, size int, err error) {
	w, h := int(is[0]), int(is[1])
	rect, wide := image.Rect(0, 0, w, h), func(n int) int { return (n + 15) &^ 15 }
	switch is[2] {
	case heifGrey:
		return func(b []byte) image.Image { return &image.Gray{Pix: b, Stride: wide(w), Rect: rect} }, wide(w) * h, nil
	case heifRGB:
		return func(b []byte) image.Image { return &image.NRGBA{Pix: b, Stride: wide(4 * w), Rect: rect} }, wide(4*w) * h, nil
	case heifYCbCr:
		ratio, cw, ch := image.YCbCrSubsampleRatio444, w, h
		switch is[3] {
		case heif420:
			ratio, cw, ch = image.YCbCrSubsampleRatio420, (w+1)/2, (h+1)/2
		case heif422:
			ratio, cw = image.YCbCrSubsampleRatio422, (w+1)/2
		case heif444:
		default:
			return nil, 0, ErrKind
		}
		y, c := wide(w)*h, wide(cw)*ch
		return func(b []byte) image.Image {
			return &image.YCbCr{Y: b[:y], Cb: b[y : y+c], Cr: b[y+c : y+2*c], YStride: wide(w), CStride: wide(cw), SubsampleRatio: ratio, Rect: rect}
		}, y + 2*c, nil
	}
	return nil, 0, ErrKind
}
