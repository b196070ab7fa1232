package preview_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"securepractice/internal/preview"
)

// tags are the elements of a file to write: by tag, with representation and value.
type tags map[uint32]string

// us is a value of 16-bit numbers.
func us(list ...int) string {
	var b []byte
	for _, v := range list {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return "US" + string(b)
}

// item is a sequence of one item.
func item(t tags) string {
	body := t.write()
	out := binary.LittleEndian.AppendUint32([]byte("\xFE\xFF\x00\xE0"), uint32(len(body)))
	return "SQ" + string(out) + string(body)
}

func (t tags) write() []byte {
	var out []byte
	for _, tag := range sorted(t) {
		vr, value := t[tag][:2], t[tag][2:]
		if len(value)%2 == 1 {
			value += " "
		}
		out = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(out, uint16(tag>>16)), uint16(tag))
		out = append(out, vr...)
		if vr == "OW" || vr == "OB" || vr == "SQ" || vr == "OF" {
			out = binary.LittleEndian.AppendUint32(append(out, 0, 0), uint32(len(value)))
		} else {
			out = binary.LittleEndian.AppendUint16(out, uint16(len(value)))
		}
		out = append(out, value...)
	}
	return out
}

func sorted(t tags) (list []uint32) {
	for tag := range t {
		at := 0
		for at < len(list) && list[at] < tag {
			at++
		}
		list = append(list[:at], append([]uint32{tag}, list[at:]...)...)
	}
	return list
}

// grey is a file of w × h pixels of 16 bits, with these numbers, changed by more.
func grey(w, h int, numbers []int, more tags) []byte {
	t := tags{0x00280002: us(1), 0x00280004: "CSMONOCHROME2", 0x00280010: us(h), 0x00280011: us(w), 0x00280100: us(16), 0x00280101: us(16), 0x00280102: us(15), 0x00280103: us(0), 0x7FE00010: "OW" + us(numbers...)[2:]}
	for k, v := range more {
		if v == "" {
			delete(t, k)
		} else {
			t[k] = v
		}
	}
	syntax := "UI1.2.840.10008.1.2.1"
	if s, ok := t[0x00020010]; ok {
		syntax = s
		delete(t, 0x00020010)
	}
	head := append(make([]byte, 128), "DICM"...)
	return append(append(head, tags{0x00020010: syntax}.write()...), t.write()...)
}

// values gives what the numbers of frame n stand for, shades what its page shows.
func (r rendered) values(t *testing.T, n int) (list []float64) {
	t.Helper()
	p := r.pages["raw"][n]
	img := decodePNG(t, p.Data)
	f := r.info.Raw[n]
	sum := uint32(0)
	for k := range p.W * p.H {
		red, green, _, _ := img.At(k%p.W, k/p.W).RGBA()
		v := red>>8<<8 | green>>8
		sum += v
		list = append(list, math.Round((float64(v)*f.Slope+f.Intercept)*1000)/1000)
	}
	if sum != f.Sum {
		t.Errorf("the sum of frame %d is %d, described as %d", n, sum, f.Sum)
	}
	return list
}

func (r rendered) shades(t *testing.T, n int) (list []int) {
	t.Helper()
	p := r.pages["page"][n]
	img := decodePNG(t, p.Data)
	for k := range p.W * p.H {
		red, green, blue, _ := img.At(k%p.W, k/p.W).RGBA()
		if r.info.Color {
			list = append(list, int(red>>8), int(green>>8), int(blue>>8))
		} else {
			list = append(list, int(red>>8))
		}
	}
	return list
}

func equal[T comparable](t *testing.T, name string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %v, not %v", name, got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: %v, not %v", name, got, want)
			return
		}
	}
}

// TestDICOMNumbers: sign, high bit, rescale, tables, padding and the window (PS3.3 C.7.6.3, C.11.1, C.11.2).
func TestDICOMNumbers(t *testing.T) {
	window := func(c, w string) tags { return tags{0x00281050: "DS" + c, 0x00281051: "DS" + w} }
	with := func(t tags, more tags) tags {
		for k, v := range more {
			t[k] = v
		}
		return t
	}
	for name, c := range map[string]struct {
		file   []byte
		values []float64
		shades []int
	}{
		"full range":    {grey(4, 1, []int{0, 100, 200, 300}, nil), []float64{0, 100, 200, 300}, []int{0, 85, 170, 255}},
		"inverted":      {grey(4, 1, []int{0, 100, 200, 300}, tags{0x00280004: "CSMONOCHROME1"}), []float64{0, 100, 200, 300}, []int{255, 170, 85, 0}},
		"signed":        {grey(4, 1, []int{65436, 0, 100, 200}, tags{0x00280103: us(1)}), []float64{-100, 0, 100, 200}, []int{0, 85, 170, 255}},
		"signed, 12":    {grey(3, 1, []int{0x0FFF, 0x0800, 0x07FF}, with(window("0", "4096"), tags{0x00280103: us(1), 0x00280101: us(12), 0x00280102: us(11)})), []float64{-1, -2048, 2047}, []int{127, 0, 255}},
		"high bit":      {grey(2, 1, []int{0x1230, 0xFFF0}, tags{0x00280101: us(12), 0x00280102: us(15)}), []float64{0x123, 0xFFF}, []int{0, 255}},
		"overlay bits":  {grey(2, 1, []int{0xF001, 0x0002}, tags{0x00280101: us(12), 0x00280102: us(11)}), []float64{1, 2}, []int{0, 255}},
		"rescale":       {grey(3, 1, []int{0, 1000, 3000}, with(window("0", "2000"), tags{0x00281052: "DS-1000", 0x00281053: "DS1"})), []float64{-1000, 0, 2000}, []int{0, 128, 255}},
		"falling":       {grey(2, 1, []int{0, 10}, tags{0x00281053: "DS-2"}), []float64{0, -20}, []int{255, 0}},
		"narrow window": {grey(3, 1, []int{99, 100, 101}, window("100", "1")), []float64{99, 100, 101}, []int{0, 255, 255}},
		"padding":       {grey(4, 1, []int{0, 500, 600, 700}, tags{0x00280120: us(0)}), []float64{0, 500, 600, 700}, []int{0, 0, 128, 255}},
		"table of values": {grey(3, 1, []int{5, 6, 9}, tags{0x00283000: item(tags{0x00283002: us(3, 5, 16), 0x00283006: us(10, 20, 40)})}),
			[]float64{10, 20, 40}, []int{0, 85, 255}},
		"table of greys": {grey(3, 1, []int{0, 1, 2}, tags{0x00283010: item(tags{0x00283002: us(3, 0, 16), 0x00283006: us(0, 1000, 1250)})}),
			[]float64{0, 1000, 1250}, []int{0, 204, 255}},
		"window before table": {grey(3, 1, []int{0, 1, 2}, with(window("1.5", "3"), tags{0x00283010: item(tags{0x00283002: us(3, 0, 16), 0x00283006: us(9, 9, 9)})})),
			[]float64{0, 1, 2}, []int{0, 128, 255}},
		"32 bits": {grey(2, 1, []int{0, 1, 0, 2}, tags{0x00280100: us(32), 0x00280101: us(32), 0x00280102: us(31)}), []float64{65536, 131072}, []int{0, 255}},
		"fractions": {grey(2, 1, nil, tags{0x7FE00010: "", 0x7FE00008: "OF\x00\x00\x00\x3F\x00\x00\xC0\x3F", 0x00280100: us(32), 0x00280101: us(32), 0x00280102: us(31)}),
			[]float64{0.5, 1.5}, []int{0, 255}},
		"flat": {grey(2, 1, []int{7, 7}, nil), []float64{7, 7}, []int{0, 0}},
	} {
		r, err := render(c.file)
		if err != nil || r.info.Reason != "" || r.info.Shown != 1 {
			t.Errorf("%s: %v %+v", name, err, r.info)
			continue
		}
		equal(t, name+", values", r.values(t, 0), c.values)
		equal(t, name+", shades", r.shades(t, 0), c.shades)
	}
}

// TestDICOMColours: planes, palettes and colour spaces.
func TestDICOMColours(t *testing.T) {
	colour := tags{0x00280002: us(3), 0x00280004: "CSRGB", 0x00280006: us(0), 0x00280100: us(8), 0x00280101: us(8), 0x00280102: us(7), 0x7FE00010: "OB\x01\x02\x03\x04\x05\x06"}
	with := func(more tags) tags {
		t := tags{}
		for _, m := range []tags{colour, more} {
			for k, v := range m {
				t[k] = v
			}
		}
		return t
	}
	palette := tags{0x00280004: "CSPALETTE COLOR", 0x00281101: us(3, 0, 16), 0x00281102: us(3, 0, 16), 0x00281103: us(3, 0, 16),
		0x00281201: "OW" + us(0, 0x8000, 0xFF00)[2:], 0x00281202: "OW" + us(0x1000, 0x2000, 0x3000)[2:], 0x00281203: "OW" + us(0, 0, 0x0100)[2:]}
	folded := tags{0x00280004: "CSPALETTE COLOR", 0x00281101: us(4, 0, 16), 0x00281102: us(4, 0, 16), 0x00281103: us(4, 0, 16)}
	for c := range uint32(3) {
		folded[0x00281221+c] = "OW" + us(0, 1, 0x0100, 1, 3, 0x0400)[2:] // one number, then a line of three
	}
	for name, c := range map[string]struct {
		file []byte
		want []int
	}{
		"by pixel":       {grey(2, 1, nil, colour), []int{1, 2, 3, 4, 5, 6}},
		"by plane":       {grey(2, 1, nil, with(tags{0x00280006: us(1)})), []int{1, 3, 5, 2, 4, 6}},
		"YBR_FULL":       {grey(2, 1, nil, with(tags{0x00280004: "CSYBR_FULL", 0x7FE00010: "OB\x4C\x55\xFF\x80\x80\x80"})), []int{254, 0, 0, 128, 128, 128}},
		"YBR_FULL_422":   {grey(2, 1, nil, with(tags{0x00280004: "CSYBR_FULL_422", 0x7FE00010: "OB\x10\x20\x80\x80"})), []int{16, 16, 16, 32, 32, 32}},
		"palette":        {grey(3, 1, []int{0, 1, 2}, palette), []int{0, 16, 0, 128, 32, 0, 255, 48, 1}},
		"folded palette": {grey(4, 1, []int{0, 1, 2, 3}, folded), []int{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4}},
	} {
		r, err := render(c.file)
		if err != nil || r.info.Reason != "" || !r.info.Color || len(r.pages["raw"]) != 0 {
			t.Errorf("%s: %v %+v", name, err, r.info)
			continue
		}
		equal(t, name, r.shades(t, 0), c.want)
	}
}

// TestDICOMFrames: a long series is shown with frames left out, evenly, and says so; frames may have windows and values
// of their own.
func TestDICOMFrames(t *testing.T) {
	var numbers []int
	for n := range 600 {
		numbers = append(numbers, n, n)
	}
	r, err := render(grey(2, 1, numbers, tags{0x00280008: "IS600", 0x00181063: "DS40"}))
	if err != nil || r.info.Frames != 600 || r.info.Step != 3 || r.info.Shown != 200 || len(r.pages["page"]) != 200 || len(r.pages["raw"]) != 200 || r.info.FrameMS != 40 {
		t.Fatalf("%v %d frames, step %d, %d shown", err, r.info.Frames, r.info.Step, r.info.Shown)
	}
	if want := "The file has 600 frames. One of 3 is shown."; len(r.info.Notes) != 1 || r.info.Notes[0] != want {
		t.Errorf("notes: %q", r.info.Notes)
	}
	equal(t, "the last frame", r.values(t, 199), []float64{597, 597})
	if r.info.Min != 0 || r.info.Max != 597 {
		t.Errorf("from %v to %v", r.info.Min, r.info.Max)
	}
	own := func(slope string) []byte {
		return tags{0x00289145: item(tags{0x00281052: "DS5", 0x00281053: "DS" + slope})}.write()
	}
	var two []byte
	for _, slope := range []string{"2", "3"} {
		two = append(binary.LittleEndian.AppendUint32(append(two, "\xFE\xFF\x00\xE0"...), uint32(len(own(slope)))), own(slope)...)
	}
	r, err = render(grey(1, 1, []int{10, 10}, tags{0x00280008: "IS2", 0x52009230: "SQ" + string(two), 0x52009229: item(tags{0x00289132: item(tags{0x00281050: "DS30", 0x00281051: "DS20"}), 0x00289110: item(tags{0x00280030: `DS0.3\0.15`})})}))
	if err != nil || r.info.Shown != 2 || r.info.Windows[0].Center != 30 || r.info.Aspect != 2 {
		t.Fatalf("%v %+v", err, r.info)
	}
	equal(t, "values of frame 1", r.values(t, 0), []float64{25})
	equal(t, "values of frame 2", r.values(t, 1), []float64{35})
}

// TestDICOMLies: what a file says and does not hold is refused with a reason, never made up.
func TestDICOMLies(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"no pixels":       {grey(2, 2, nil, tags{0x7FE00010: ""}), "This DICOM file holds no picture."},
		"too few pixels":  {grey(2000, 2000, []int{1, 2, 3}, nil), "the file ends early"},
		"too many pixels": {grey(60000, 60000, []int{1}, nil), "60000 × 60000 pixels, more than can be shown"},
		"no size":         {grey(0, 5, []int{1}, nil), "This DICOM file holds no picture."},
		"odd bits":        {grey(1, 1, []int{1}, tags{0x00280100: us(12)}), "12 bits"},
		"odd samples":     {grey(1, 1, []int{1, 2}, tags{0x00280002: us(2)}), "2 samples"},
		"no palette":      {grey(1, 1, []int{1}, tags{0x00280004: "CSPALETTE COLOR"}), "palette cannot be read"},
		"directory":       {append(append(make([]byte, 128), "DICM"...), append(tags{0x00020002: "UI1.2.840.10008.1.3.10", 0x00020010: "UI1.2.840.10008.1.2.1"}.write(), tags{0x00080005: "CSISO_IR 100"}.write()...)...), "directory of a set"},
	} {
		r, err := render(c.file)
		if err != nil || !strings.Contains(r.info.Reason, c.want) || r.info.Shown != 0 || len(r.pages["page"]) != 0 {
			t.Errorf("%s: %v %q", name, err, r.info.Reason)
		}
	}
	for name, data := range map[string][]byte{"nothing": nil, "words": []byte("This is no such file."), "zeros": make([]byte, 4096), "PNG": []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("x", 500))} {
		if _, err := render(data); err == nil {
			t.Errorf("%s is taken for DICOM", name)
		}
	}
}

// TestDICOMVideo: what is not decoded says what it is.
func TestDICOMVideo(t *testing.T) {
	for uid, want := range map[string]string{"1.2.840.10008.1.2.4.102": "MPEG-4 video", "1.2.840.10008.1.2.4.201": "High-throughput JPEG 2000 lossless", "1.2.3": "unknown (1.2.3)"} {
		head := append(make([]byte, 128), "DICM"...)
		file := append(head, tags{0x00020010: "UI" + uid}.write()...)
		file = append(file, tags{0x00280002: us(1), 0x00280004: "CSMONOCHROME2", 0x00280010: us(4), 0x00280011: us(4), 0x00280100: us(8), 0x00280101: us(8), 0x00280102: us(7)}.write()...)
		file = append(file, "\xE0\x7F\x10\x00OB\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\x00\x00\x00\x00\xFE\xFF\x00\xE0\x04\x00\x00\x00abcd\xFE\xFF\xDD\xE0\x00\x00\x00\x00"...)
		if r, err := render(file); err != nil || r.info.Reason != "The picture cannot be shown: pictures stored as "+want+" cannot be shown here." {
			t.Errorf("%s: %v %q", uid, err, r.info.Reason)
		}
	}
}

// TestDICOMLarge: a picture beyond the limit is shown smaller and says so.
func TestDICOMLarge(t *testing.T) {
	numbers := make([]int, 4000*2600)
	for k := range numbers {
		numbers[k] = k % 4000
	}
	r, err := render(grey(4000, 2600, numbers, nil))
	if err != nil || r.info.Width != 2000 || r.info.Height != 1300 || len(r.info.Notes) != 1 || !strings.Contains(r.info.Notes[0], "1/2 of its size") {
		t.Errorf("%v %d × %d %q", err, r.info.Width, r.info.Height, r.info.Notes)
	}
	complete(t, "large", r)
}

// TestDICOMFields: what the table says, in the file's own alphabet.
func TestDICOMFields(t *testing.T) {
	r, err := render(grey(1, 1, []int{1}, tags{0x00080005: "CSISO_IR 100", 0x00080020: "DA20261012", 0x00080060: "CSPX", 0x00081030: "LOBefore \x1B\x07implant", 0x00100010: "PNM\xFCller^J\xF6rg^^Dr", 0x00100030: "DA19800102",
		0x00100040: "CSM", 0x00280030: `DS0.1\0.1`, 0x00080070: "LOMaker", 0x00081090: "LOModel 3"}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range r.info.Fields {
		got[f.Name] = f.Value
	}
	for name, want := range map[string]string{"Patient": "Müller, Jörg", "Date of birth": "Jan 2, 1980", "Sex": "Male", "Date": "Oct 12, 2026", "Modality": "Panoramic X-ray (PX)", "Study": "Before implant",
		"Size": "1 × 1 pixels", "Frames": "1", "Pixel spacing": "0.1 × 0.1 mm", "Stored as": "Explicit VR little endian", "Device": "Maker Model 3"} {
		if got[name] != want {
			t.Errorf("%s: %q, not %q", name, got[name], want)
		}
	}
	long, err := render(grey(1, 1, []int{1}, tags{0x00081030: "LO" + strings.Repeat("x", 5000)}))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range long.info.Fields {
		if len(f.Value) > 300 {
			t.Errorf("%s has %d bytes", f.Name, len(f.Value))
		}
	}
}

// TestDICOMEmit: when nobody takes the pages, the rendering ends with that error.
func TestDICOMEmit(t *testing.T) {
	gone := errors.New("gone")
	for after := range 4 {
		n := 0
		file := grey(1, 1, []int{1}, nil)
		err := preview.DICOM(bytes.NewReader(file), int64(len(file)), func(preview.Page) error {
			if n++; n > after {
				return gone
			}
			return nil
		})
		if !errors.Is(err, gone) || n != after+1 {
			t.Errorf("after %s pages: %v, %d asked", strconv.Itoa(after), err, n)
		}
	}
}
