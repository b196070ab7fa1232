package attach

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	jpegfile "image/jpeg"
	"image/png"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/gabriel-vasile/mimetype"

	"securepractice/internal/preview"
)

func TestMain(m *testing.M) {
	if preview.IsWorker() { // the test program is its own worker, as the portal is
		os.Exit(preview.Worker())
	}
	mimetype.SetLimit(headLen)
	os.Exit(m.Run())
}

func picture(encode func(w io.Writer, m image.Image) error) []byte {
	m := image.NewGray(image.Rect(0, 0, 40, 30))
	m.Set(3, 3, color.White)
	var b bytes.Buffer
	if err := encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// stlBinary is a scan of n triangles; it begins with "solid", as some programs write it.
func stlBinary(n int) []byte {
	b := make([]byte, 84+50*n)
	copy(b, "solid but binary")
	binary.LittleEndian.PutUint32(b[80:], uint32(n))
	for i := range n {
		binary.LittleEndian.PutUint32(b[84+50*i+12:], math.Float32bits(float32(i)*0.25))
	}
	return b
}

// dicom is a small image with a preamble and a few elements in explicit little endian.
func dicom() []byte {
	b := append(make([]byte, 128), "DICM"...)
	element := func(group, number uint16, vr string, value []byte) {
		b = binary.LittleEndian.AppendUint16(b, group)
		b = binary.LittleEndian.AppendUint16(b, number)
		b = append(b, vr...)
		if vr == "OW" {
			b = binary.LittleEndian.AppendUint32(append(b, 0, 0), uint32(len(value)))
		} else {
			b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
		}
		b = append(b, value...)
	}
	element(2, 0x10, "UI", []byte("1.2.840.10008.1.2.1\x00"))
	element(8, 0x60, "CS", []byte("IO"))
	element(0x28, 0x10, "US", []byte{8, 0})
	element(0x28, 0x11, "US", []byte{8, 0})
	element(0x7fe0, 0x10, "OW", make([]byte, 128))
	return b
}

func pdf() []byte {
	return []byte("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
}

func zipped(names ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte("<xml/>"))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func office(folder string) []byte {
	return zipped("[Content_Types].xml", "_rels/.rels", folder+"document.xml")
}

// ole is an empty OLE file whose root folder has a class id.
func ole(class byte) []byte {
	b := make([]byte, 512*4)
	copy(b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	binary.LittleEndian.PutUint16(b[26:], 3)
	binary.LittleEndian.PutUint16(b[28:], 0xfffe)
	binary.LittleEndian.PutUint16(b[30:], 9)
	binary.LittleEndian.PutUint32(b[48:], 1)
	copy(b[1024:], "R\x00o\x00o\x00t\x00")
	if class != 0 {
		b[1024+80] = class
		copy(b[1024+81:], installerEnd)
	}
	return b
}

// riff and form are the beginnings of chunked files.
func chunked(outer, inner string) []byte {
	return append([]byte(outer+"\x24\x00\x00\x00"+inner), make([]byte, 40)...)
}

// brand is the beginning of a picture of a phone.
func brand(major string) []byte {
	return append([]byte("\x00\x00\x00\x18ftyp"+major+"\x00\x00\x00\x00mif1heic"), make([]byte, 40)...)
}

// samples has at least one file of every accepted extension, made by code.
func samples() map[string][][]byte {
	text := [][]byte{[]byte("The patient was seen on Tuesday.\n"), []byte("R\xf6ntgen \x93quoted\x94 in an old encoding\n")}
	binaryFile := [][]byte{{1, 2, 3, 4, 0, 5, 6, 0xff, 0xfe, 9}, text[0]}
	jpg := picture(func(w io.Writer, m image.Image) error { return jpegfile.Encode(w, m, nil) })
	mpeg := append([]byte{0, 0, 1, 0xba, 0x44, 0, 4, 0}, make([]byte, 60)...)
	mp3 := append([]byte{0xff, 0xfb, 0x90, 0x64}, make([]byte, 500)...)
	tif := []byte("II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	rm := append([]byte(".RMF\x00\x00\x00\x12"), make([]byte, 30)...)
	mov := append([]byte("\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  "), make([]byte, 30)...)
	mp4 := append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), make([]byte, 30)...)
	rtf := []byte(`{\rtf1\ansi hello}`)
	xml := []byte(`<?xml version="1.0"?><a/>`)
	card := []byte("BEGIN:VCARD\nVERSION:3.0\nFN:Dana\nEND:VCARD\n")
	midi := append([]byte("MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60MTrk"), make([]byte, 20)...)
	s := map[string][][]byte{
		"ai": {pdf(), []byte("%!PS-Adobe-3.0\n")}, "aif": {chunked("FORM", "AIFF")}, "aifc": {chunked("FORM", "AIFC")},
		"avi": {chunked("RIFF", "AVI LIST")}, "bmp": {append([]byte("BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"), make([]byte, 60)...)},
		"dcm": {dicom(), dicom()[132:]}, "doc": {ole(0), rtf}, "docx": {office("word/")},
		"eml": {[]byte("From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\n\r\nhello\r\n"), []byte("Return-Path: <a@b.test>\r\n\r\nx")},
		"eps": {[]byte("%!PS-Adobe-3.0 EPSF-3.0\n"), append([]byte{0xc5, 0xd0, 0xd3, 0xc6}, make([]byte, 40)...)},
		"gif": {picture(func(w io.Writer, m image.Image) error { return gif.Encode(w, m, nil) })},
		"hqx": {[]byte("(This file must be converted with BinHex 4.0)\n:abc:")}, "jpg": {jpg}, "mid": {midi}, "mif": {[]byte("<MIFFile 7.00>\n")},
		"mov": {mov, mp4, append([]byte("\x00\x00\x00\x08wide\x00\x00\x10\x00mdat"), make([]byte, 30)...)}, "movie": {mov, mpeg}, "mp2": {append([]byte{0xff, 0xfd, 0x90, 0x04}, make([]byte, 400)...)},
		"mp3": {mp3, append([]byte("ID3\x04\x00\x00\x00\x00\x00\x0a"), make([]byte, 50)...)}, "mp4": {mp4}, "mpe": {mpeg},
		"obj": {[]byte("# scan\nmtllib a.mtl\no tooth\nv 0.1 0.2 0.3\nf 1 2 3\n")}, "pdf": {pdf(), append([]byte("\n \r\n"), pdf()...)}, "png": {picture(png.Encode)},
		"ppt": {ole(0)}, "pptx": {office("ppt/")}, "ps": {[]byte("%!PS-Adobe-3.0\n")}, "qt": {mov}, "ra": {append([]byte(".ra\xfd\x00\x04"), make([]byte, 30)...)},
		"ram": {[]byte("http://media.test/a.rm\n")}, "rm": {rm}, "rv": {rm}, "rpm": {append([]byte{0xed, 0xab, 0xee, 0xdb, 3, 0}, make([]byte, 100)...)},
		"rtf": {rtf}, "smi": {[]byte("<smil><head/></smil>")}, "stl": {stlBinary(3), stlBinary(0), []byte("solid tooth\nfacet normal 0 0 1\nendfacet\nendsolid")},
		"tif": {tif}, "vcf": {card}, "wav": {chunked("RIFF", "WAVE")}, "wmv": {append([]byte("\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"), make([]byte, 50)...)},
		"word": {ole(0), text[0]}, "xls": {ole(0)}, "xml": {xml}, "xlsx": {office("xl/")}, "zip": {zipped("a.txt"), zipped(), office("word/")},
		"csv": {[]byte("Name;Tooth\nRuth;14\n")}, "heic": {brand("heic"), brand("mif1")}, "heif": {brand("mif1")}, "ply": {[]byte("ply\nformat ascii 1.0\n"), []byte("ply\r\nformat binary_little_endian 1.0\r\n")}, "webp": {chunked("RIFF", "WEBP")},
	}
	same := map[string][]string{"aif": {"aiff"}, "eps": nil, "jpg": {"jpe", "jpeg"}, "mid": {"midi"}, "mp3": {"mpga"}, "mpe": {"mpeg"}, "smi": {"smil"},
		"tif": {"tiff"}, "vcf": {"vcard"}, "xls": {"xl"}, "xml": {"xsl"}}
	for ext, others := range same {
		for _, o := range others {
			s[o] = s[ext]
		}
	}
	for _, ext := range []string{"log", "txt", "text", "rtx"} {
		s[ext] = text
	}
	for _, ext := range []string{"cpt", "dex", "ds2", "oda", "wbxml", "wmlc"} {
		s[ext] = binaryFile
	}
	return s
}

func judged(t *testing.T, data []byte, ext string) (found, reason string) {
	t.Helper()
	j, err := content(bytes.NewReader(data), int64(len(data)), ext)
	if err != nil {
		t.Fatalf("%s: %v", ext, err)
	}
	return j.found, j.reason
}

func TestEveryAcceptedTypeHasContentThatPasses(t *testing.T) {
	all := samples()
	every := slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(accepted)), Beyond())))
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, every) {
		t.Errorf("samples %v\naccepted %v", got, every)
	}
	for ext, files := range all {
		for i, data := range files {
			if found, reason := judged(t, data, ext); reason != "" {
				t.Errorf("%s sample %d: found %s, refused for %q", ext, i, found, reason)
			}
		}
		if what, _ := typeOf(ext); what.kind == "" || what.icon == "" {
			t.Errorf("%s has no words or icon", ext)
		}
	}
}

// Every program is refused under every name, whatever it pretends behind its first bytes.
func TestProgramsAreRefusedUnderEveryName(t *testing.T) {
	disguises := [][]byte{make([]byte, 200), pdf(), samples()["jpg"][0], zipped("word/x", "[Content_Types].xml"), []byte("plain text")}
	for _, mark := range programs {
		for _, d := range disguises {
			data := append(slices.Clone(mark), d...)
			for ext := range accepted {
				if found, reason := judged(t, data, ext); reason != reasonProgram {
					t.Errorf("%q as %s: found %s, reason %q", mark, ext, found, reason)
				}
			}
		}
	}
	for _, class := range []byte{0x82, 0x84, 0x86} {
		for _, ext := range []string{"doc", "xls", "ppt", "word", "txt"} {
			if _, reason := judged(t, ole(class), ext); reason != reasonProgram {
				t.Errorf("installer %x as %s: %q", class, ext, reason)
			}
		}
	}
	broken := ole(0)
	binary.LittleEndian.PutUint32(broken[48:], 0xfffffff0)
	if _, reason := judged(t, broken, "doc"); reason != reasonProgram {
		t.Errorf("an OLE file without a root folder: %q", reason)
	}
	if _, reason := judged(t, broken[:100], "doc"); reason != reasonProgram {
		t.Errorf("a cut OLE file: %q", reason)
	}
}

func TestContentMustAgreeWithTheName(t *testing.T) {
	all := samples()
	html := []byte("<!DOCTYPE html><html><script>alert(1)</script></html>")
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`)
	cases := []struct {
		ext  string
		data []byte
	}{
		{"jpg", pdf()}, {"jpg", all["png"][0]}, {"jpg", html}, {"png", svg}, {"pdf", all["jpg"][0]}, {"pdf", html},
		{"pdf", append([]byte("GIF89a"), pdf()...)}, {"ai", append([]byte("GIF89a"), pdf()...)}, {"docx", zipped("a.txt")}, {"docx", office("xl/")}, {"xlsx", office("word/")},
		{"docx", pdf()}, {"docx", ole(0)}, {"zip", pdf()}, {"txt", all["jpg"][0]}, {"txt", pdf()}, {"txt", zipped("a")}, {"log", ole(0)}, {"dcm", all["tif"][0]},
		{"dcm", []byte("x")}, {"stl", []byte("solid without more")}, {"stl", stlBinary(3)[:200]}, {"obj", []byte("hello\nworld")}, {"obj", []byte{0, 1}}, {"eml", []byte("no header here")},
		{"mp3", []byte("text")}, {"wav", chunked("RIFF", "AVI LIST")}, {"xml", []byte("not xml")}, {"vcf", []byte("FN:x")}, {"doc", []byte("text")}, {"ds2", all["png"][0]},
		{"exe", []byte("anything")}, {"", []byte("anything")}, {"7z", []byte("7z\xbc\xaf\x27\x1c")}, {"rar", []byte("Rar!\x1a\x07")},
		{"heic", all["jpg"][0]}, {"heic", all["mp4"][0]}, {"webp", all["wav"][0]}, {"ply", []byte("play\nformat ascii")}, {"ply", []byte("plyformat ascii")}, {"csv", pdf()}, {"csv", all["zip"][0]},
	}
	for _, c := range cases {
		if found, reason := judged(t, c.data, c.ext); reason != reasonType {
			t.Errorf("%q as %s: found %s, reason %q", c.data[:min(20, len(c.data))], c.ext, found, reason)
		}
	}
}

// A failing store is never taken for a judgement.
func TestContentFailsWithItsReader(t *testing.T) {
	for _, data := range [][]byte{zipped("a", "b", "c.zip"), ole(0)} {
		broken := errors.New("disk")
		for fail := 1; ; fail++ {
			r := &failing{Reader: bytes.NewReader(data), left: fail, err: broken}
			j, err := content(r, int64(len(data)), map[bool]string{true: "doc", false: "zip"}[isOLE(data)])
			if err == nil {
				if reason := j.reason; reason != "" || fail < 2 {
					t.Errorf("reason %q after %d reads", reason, fail)
				}
				break
			}
			if !errors.Is(err, broken) {
				t.Fatalf("read %d: %v", fail, err)
			}
		}
	}
}

// failing fails at its n-th read.
type failing struct {
	*bytes.Reader
	left int
	err  error
}

func (f *failing) Read(b []byte) (int, error) {
	if f.left--; f.left == 0 {
		return 0, f.err
	}
	return f.Reader.Read(b)
}

func FuzzContent(f *testing.F) {
	for ext, files := range samples() {
		for _, data := range files {
			f.Add(data, ext)
		}
	}
	f.Add(zipped("a.txt", "word/vbaProject.bin"), "docx")
	f.Add(ole(0x84), "doc")
	f.Fuzz(func(t *testing.T, data []byte, ext string) {
		if len(data) == 0 {
			return
		}
		j, err := content(bytes.NewReader(data), int64(len(data)), ext)
		if err != nil {
			t.Fatalf("whole data, and yet: %v", err)
		}
		if what, _ := typeOf(ext); j.reason == "" && (isProgram(data) || what.kind == "") {
			t.Errorf("%s passed", ext)
		}
	})
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"a.pdf", "../x", `C:\x\y.txt`, "\u202egpj.exe", "e\u0301", "\xff\xfe", " . ", strings.Repeat("a", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		name, err := cleanName(said)
		if err != nil {
			return
		}
		if len(name) > MaxName || strings.ContainsAny(name, "/\\\r\n\x00") || strings.ContainsFunc(name, unicode.IsControl) {
			t.Errorf("%q became %q", said, name)
		}
		if again, err := cleanName(name); err != nil || again != name {
			t.Errorf("%q became %q, and that %q (%v)", said, name, again, err)
		}
		header := disposition(name)
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Count(header, `"`) != 2 || strings.Count(header, ";") != 2 {
			t.Errorf("%q makes the header %q", name, header)
		}
	})
}
