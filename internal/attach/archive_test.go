package attach

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// packedFile is a file to be put into an archive.
type packedFile struct {
	name string
	data []byte
}

// archiveOf packs files as programs that write forward do: with descriptors behind the content.
func archiveOf(method uint16, files ...packedFile) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: method})
		if err == nil {
			_, err = w.Write(f.data)
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

// plainArchive packs one file as most programs do: with checksum and lengths before the content.
func plainArchive(name string, data []byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data), CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data))})
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil || z.Close() != nil {
		panic("zip")
	}
	return b.Bytes()
}

// changed is data with bytes put over those at the n-th place where mark stands, offset behind it.
func changed(data []byte, mark uint32, offset int, with ...byte) []byte {
	data = slices.Clone(data)
	at := bytes.Index(data, binary.LittleEndian.AppendUint32(nil, mark))
	copy(data[at+offset:], with)
	return data
}

// nested is an archive in an archive, so many deep.
func nested(depth int, inner packedFile) []byte {
	data := archiveOf(zip.Deflate, inner)
	for range depth - 1 {
		data = archiveOf(zip.Deflate, packedFile{"more.zip", data})
	}
	return data
}

func many(n int) []packedFile {
	files := make([]packedFile, n)
	for i := range files {
		files[i].name = fmt.Sprintf("file-%d", i)
	}
	return files
}

func TestArchives(t *testing.T) {
	text := packedFile{"letter.txt", []byte(strings.Repeat("The patient was seen on Tuesday. PK\x07\x08 ", 50))}
	program := packedFile{"setup", append([]byte("MZ"), make([]byte, 200)...)}
	plain := plainArchive("a.txt", text.data)
	open := archiveOf(zip.Store, text, packedFile{"empty", nil}, packedFile{"marks", bytes.Repeat([]byte("PK\x07\x08"), 20_000)})
	cases := []struct {
		name, reason string
		data         []byte
	}{
		{"lengths before the content", "", plain},
		{"lengths behind the content, not packed", "", open},
		{"lengths behind the content, packed", "", archiveOf(zip.Deflate, text, text)},
		{"an archive in an archive, not packed, with marks of its own", "", archiveOf(zip.Store, packedFile{"a.zip", open}, text)},
		{"empty", "", zipped()},
		{"folders", "", archiveOf(zip.Store, packedFile{"scans/", nil}, packedFile{"scans/a.txt", text.data})},
		{"with a comment", "", func() []byte {
			b := append(slices.Clone(plain), "seen"...)
			b[len(b)-6] = 4
			return b
		}()},
		{"as many as allowed", "", archiveOf(zip.Store, many(maxEntries)...)},
		{"one more", reasonArchive, archiveOf(zip.Store, many(maxEntries+1)...)},
		{"one more, in two archives", reasonArchive, archiveOf(zip.Deflate, append(many(maxEntries/2), packedFile{"b.zip", archiveOf(zip.Store, many(maxEntries/2)...)})...)},
		{"three deep", "", nested(3, text)},
		{"four deep", reasonArchive, nested(4, text)},
		{"a program", reasonInside, archiveOf(zip.Deflate, text, program)},
		{"a program three deep", reasonInside, nested(3, program)},
		{"a program that is not packed", reasonInside, plainArchive("notes.txt", program.data)},
		{"a script by its name", reasonInside, archiveOf(zip.Store, packedFile{"scans/open me.PS1", text.data})},
		{"a script by its name, hidden by dots", reasonInside, archiveOf(zip.Store, packedFile{"open.vbs. . ", text.data})},
		{"an archive nobody here can open", reasonArchive, archiveOf(zip.Store, packedFile{"x.txt", []byte("Rar!\x1a\x07\x01\x00 and so on")})},
		{"another", reasonArchive, archiveOf(zip.Store, packedFile{"x.txt", []byte("7z\xbc\xaf\x27\x1c and so on")})},
		{"with a password", reasonEncrypted, changed(plain, localMark, 6, 1)},
		{"with a password, says the directory alone", reasonEncrypted, changed(plain, centralMark, 8, 1)},
		{"strongly encrypted", reasonEncrypted, changed(plain, localMark, 6, 1<<6)},
		{"with a hidden directory", reasonEncrypted, changed(plain, localMark, 7, 1<<5)},
		{"packed in a way nobody uses", reasonArchive, changed(plain, localMark, 8, 99)},
		{"a smaller size in the directory", reasonArchive, changed(plain, centralMark, 24, 1, 0)},
		{"a larger size before the content", reasonArchive, changed(plain, localMark, 22, 0xff, 0xff)},
		{"a longer content than there is", reasonArchive, changed(plain, localMark, 18, 0xff, 0xff, 0xff, 0x7f)},
		{"a checksum of something else", reasonArchive, changed(plain, localMark, 14, 1, 2, 3, 4)},
		{"another name in the directory", reasonArchive, changed(plain, centralMark, 46, 'b')},
		{"a directory that leads elsewhere", reasonArchive, changed(plain, centralMark, 42, 9)},
		{"a directory elsewhere", reasonArchive, changed(plain, endMark, 16, 9, 9)},
		{"more entries than there are", reasonArchive, changed(plain, endMark, 10, 7)},
		{"a 64-bit size that is missing", reasonArchive, changed(plain, centralMark, 24, 0xff, 0xff, 0xff, 0xff)},
		{"a descriptor that lies", reasonArchive, changed(archiveOf(zip.Deflate, text), descriptorMark, 4, 1, 1)},
		{"a broken content", reasonArchive, changed(archiveOf(zip.Deflate, text), localMark, 45, 0xff, 0xff, 0xff)},
		{"an entry that the directory does not name", reasonArchive, hidden(text, program)},
		{"cut", reasonArchive, plain[:len(plain)-1]},
		{"without an end", reasonArchive, plain[:len(plain)/2]},
		{"with something behind", reasonArchive, append(slices.Clone(plain), "tail"...)},
		{"with something before", reasonArchive, append([]byte("PK\x03\x04before"), plain...)},
		{"only a mark", reasonArchive, []byte("PK\x03\x04")},
	}
	for _, c := range cases {
		if _, reason := judged(t, c.data, "zip"); reason != c.reason {
			t.Errorf("%s: reason %q, want %q", c.name, reason, c.reason)
		}
	}
}

// hidden has an entry before the first that its directory names.
func hidden(seen, unseen packedFile) []byte {
	first, second := plainArchive(unseen.name, unseen.data[2:]), plainArchive(seen.name, seen.data)
	local := first[:bytes.Index(first, binary.LittleEndian.AppendUint32(nil, centralMark))]
	data := append(slices.Clone(local), second...)
	end := bytes.LastIndex(data, binary.LittleEndian.AppendUint32(nil, endMark))
	central := bytes.LastIndex(data, binary.LittleEndian.AppendUint32(nil, centralMark))
	binary.LittleEndian.PutUint32(data[central+42:], uint32(len(local)))
	binary.LittleEndian.PutUint32(data[end+16:], uint32(central))
	return data
}

// TestArchiveOf64Bits: the long forms of the end are read as the short ones, and may lie no more.
func TestArchiveOf64Bits(t *testing.T) {
	plain := plainArchive("a.txt", []byte("hello"))
	end := slices.Clone(plain[len(plain)-endLen-4:])
	dirLen, dirAt := binary.LittleEndian.Uint32(end[12:]), binary.LittleEndian.Uint32(end[16:])
	whole := func(change func(end64, locator []byte)) []byte {
		end64, locator := make([]byte, end64Len+4), make([]byte, locatorLen+4)
		binary.LittleEndian.PutUint32(end64, end64Mark)
		binary.LittleEndian.PutUint64(end64[4:], end64Len-8)
		binary.LittleEndian.PutUint64(end64[24:], 1)
		binary.LittleEndian.PutUint64(end64[32:], 1)
		binary.LittleEndian.PutUint64(end64[40:], uint64(dirLen))
		binary.LittleEndian.PutUint64(end64[48:], uint64(dirAt))
		binary.LittleEndian.PutUint32(locator, locatorMark)
		binary.LittleEndian.PutUint64(locator[8:], uint64(dirAt+dirLen))
		change(end64, locator)
		short := slices.Clone(end)
		copy(short[10:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
		return slices.Concat(plain[:len(plain)-len(end)], end64, locator, short)
	}
	if _, reason := judged(t, whole(func(_, _ []byte) {}), "zip"); reason != "" {
		t.Errorf("whole: reason %q", reason)
	}
	for name, change := range map[string]func(end64, locator []byte){
		"length of the end": func(e, _ []byte) { e[4]++ }, "entries": func(e, _ []byte) { e[32]++ }, "length": func(e, _ []byte) { e[40]++ },
		"place": func(e, _ []byte) { e[48]++ }, "place of the end": func(_, l []byte) { l[8]++ }, "no locator": func(_, l []byte) { l[0] = 0 },
	} {
		if _, reason := judged(t, whole(change), "zip"); reason != reasonArchive {
			t.Errorf("another %s: reason %q", name, reason)
		}
	}
}

// TestBombs: each is refused long before it has filled anything.
func TestBombs(t *testing.T) {
	zeros := func(n int64) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create("zeros.txt")
		if err == nil {
			_, err = io.CopyN(w, zeroes{}, n)
		}
		if err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	noise := make([]byte, 30<<20) // so that the ratio alone stops nothing
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	two := zeros(maxUnpack + 1)
	layer := zeros(20 << 20)
	var copies []packedFile
	for i := range 40 {
		copies = append(copies, packedFile{fmt.Sprintf("%d.zip", i), layer})
	}
	for name, data := range map[string][]byte{
		"two gigabytes in one entry":            two,
		"two gigabytes beside noise":            archiveOf(zip.Store, packedFile{"noise", noise}, packedFile{"z.zip", two}),
		"a hundredfold":                         zeros(ratioFrom + 1),
		"a hundredfold in an archive":           archiveOf(zip.Deflate, packedFile{"a.zip", zeros(ratioFrom + 1)}),
		"many that share what they unpack to":   archiveOf(zip.Deflate, copies...),
		"an archive in each of a thousand":      nested(2, packedFile{"in.zip", archiveOf(zip.Deflate, copies...)}),
		"a million entries":                     archiveOf(zip.Store, many(1_000_000)...),
		"a million entries, says the end alone": changed(plainArchive("a", nil), endMark, 8, 0xfe, 0xff, 0xfe, 0xff),
	} {
		before, began := memory(), time.Now()
		_, reason := judged(t, data, "zip")
		took, grown := time.Since(began), memory()-before
		if reason != reasonArchive || took > 30*time.Second || grown > 64<<20 {
			t.Errorf("%s: reason %q after %s, with %d bytes more", name, reason, took, grown)
		}
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// memory is what the program has taken from the system for its heap.
func memory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapSys)
}

func TestMacros(t *testing.T) {
	project := append(ole(0), append([]byte{7}, utf16("_VBA_PROJECT")...)...)
	with := func(name string, data []byte) []byte {
		return archiveOf(zip.Deflate, packedFile{"[Content_Types].xml", []byte("<a/>")}, packedFile{"word/document.xml", []byte("<a/>")}, packedFile{name, data})
	}
	for _, c := range []struct {
		ext  string
		data []byte
		want bool
	}{
		{"doc", project, true}, {"xls", project, true}, {"doc", ole(0), false},
		{"docx", with("word/vbaProject.bin", ole(0)), true}, {"docx", with("word/VBAPROJECT.BIN", []byte("x")), true}, {"docx", with("word/other.bin", project), true},
		{"docx", office("word/"), false}, {"docx", with("word/vbaProject.bin.rels", []byte("x")), false},
		{"zip", archiveOf(zip.Deflate, packedFile{"letter.docx", with("word/vbaProject.bin", ole(0))}), true},
		{"zip", archiveOf(zip.Deflate, packedFile{"old.doc", project}), true}, {"zip", zipped("a"), false},
		{"txt", []byte("_VBA_PROJECT"), false},
	} {
		j, err := content(bytes.NewReader(c.data), int64(len(c.data)), c.ext)
		if err != nil || j.reason != "" || j.macros != c.want {
			t.Errorf("%s: %+v, %v; want macros %v", c.ext, j, err, c.want)
		}
	}
}

// TestSealedOffice: Office hides a file with a password in an OLE file; its sender is told so.
func TestSealedOffice(t *testing.T) {
	for _, ext := range []string{"docx", "xlsx", "pptx"} {
		if _, reason := judged(t, append(ole(0), utf16("EncryptedPackage")...), ext); reason != reasonEncrypted {
			t.Errorf("%s with a password: reason %q", ext, reason)
		}
	}
}

// A mark is found wherever it is cut.
func TestFinder(t *testing.T) {
	data := append(bytes.Repeat([]byte{'_', 0}, 50), macroMark...)
	for size := 1; size < 40; size++ {
		f := &finder{want: macroMark}
		for part := range slices.Chunk(data, size) {
			if f.found {
				t.Fatalf("pieces of %d: found before it was whole", size)
			}
			_, _ = f.Write(part)
		}
		if !f.found {
			t.Errorf("pieces of %d: not found", size)
		}
	}
}

// TestPictureBombs: a header that promises more than anybody can open is enough to refuse.
func TestPictureBombs(t *testing.T) {
	const w, h = 30_000, 30_000
	be, le := binary.BigEndian, binary.LittleEndian
	chunk := append([]byte("\x00\x00\x00\x0dIHDR"), be.AppendUint32(be.AppendUint32(nil, w), h)...)
	chunk = append(chunk, 1, 0, 0, 0, 0)
	pngFile := append([]byte("\x89PNG\r\n\x1a\n"), be.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))...)
	gifFile := append(le.AppendUint16(le.AppendUint16([]byte("GIF89a"), w), h), 0, 0, 0, ',')
	jpegFile := append(be.AppendUint16(be.AppendUint16([]byte("\xff\xd8\xff\xc0\x00\x11\x08"), h), w), 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 0xff, 0xda, 0, 12)
	bmpFile := append([]byte("BM"), make([]byte, 52)...)
	bmpFile[10], bmpFile[14], bmpFile[26], bmpFile[28] = 54, 40, 1, 24
	le.PutUint32(bmpFile[18:], w)
	le.PutUint32(bmpFile[22:], h)
	tiffFile := []byte("II*\x00\x08\x00\x00\x00\x05\x00")
	for _, tag := range [][3]uint32{{256, 4, w}, {257, 4, h}, {258, 3, 8}, {259, 3, 1}, {262, 3, 1}} {
		tiffFile = le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(tiffFile, uint16(tag[0])), uint16(tag[1])), 1), tag[2])
	}
	for ext, data := range map[string][]byte{"png": pngFile, "gif": gifFile, "jpg": jpegFile, "bmp": bmpFile, "tif": append(tiffFile, make([]byte, 8)...)} {
		if found, reason := judged(t, append(data, make([]byte, 100)...), ext); reason != reasonPixels {
			t.Errorf("%s (%s): reason %q", ext, found, reason)
		}
	}
}
