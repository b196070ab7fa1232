package attach

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // its header
	_ "image/jpeg" // its header
	_ "image/png"  // its header
	"io"
	"strings"

	"github.com/gabriel-vasile/mimetype"
	_ "golang.org/x/image/bmp"  // its header
	_ "golang.org/x/image/tiff" // its header
	_ "golang.org/x/image/webp" // its header
)

// headLen is how much of a file's beginning is looked at.
const headLen = 64 << 10

const (
	oleStorage = "application/x-ole-storage"
	unknown    = "application/octet-stream"
)

// judgement is what a file is by its content.
type judgement struct {
	found  string // its MIME type
	reason string // why it is refused; empty when it is what its name says and nothing in it is blocked
	macros bool   // it, or an Office file in it, has macros
}

// content judges what a file is against what its extension says. An error is no judgement.
func content(r io.ReadSeeker, size int64, ext string) (judgement, error) {
	head := make([]byte, min(headLen, size))
	if _, err := io.ReadFull(r, head); err != nil {
		return judgement{}, fmt.Errorf("read the beginning: %w", err)
	}
	mime := mimetype.Detect(head)
	found, _, _ := strings.Cut(mime.String(), ";")
	want, ok := typeOf(ext)
	switch {
	case !ok:
		return judgement{found: found, reason: reasonType}, nil
	case isProgram(head):
		return judgement{found: found, reason: reasonProgram}, nil
	case want.archive != "" && bytes.HasPrefix(head, []byte("PK")):
		return archived(r, size, want.archive, found)
	case isOLE(head):
		if program, err := isInstaller(r, head, size); err != nil || program {
			return judgement{found: found, reason: reasonProgram}, err
		}
	}
	switch {
	case want.archive != "" && isOLE(head):
		return sealedOffice(r, found)
	case want.archive != "", !agrees(want, mime, head, size, ext):
		return judgement{found: found, reason: reasonType}, nil
	case isOLE(head):
		macros, err := contains(r, macroMark)
		return judgement{found: found, macros: macros}, err
	case want.icon == iconImage:
		reason, err := pictureReason(r)
		return judgement{found: found, reason: reason}, err
	}
	return judgement{found: found}, nil
}

// agrees says whether the content is one that the extension may have.
func agrees(want fileType, mime *mimetype.MIME, head []byte, size int64, ext string) bool {
	if want.own != nil && want.own(head) || ext == "stl" && isSTLBinary(head, size) {
		return true
	}
	for _, m := range want.mimes {
		// PDF is found by the library anywhere in the first kilobyte: what stands before it may be something else.
		if (m != "application/pdf" || isPDF(head)) && isKind(mime, m) {
			return true
		}
	}
	return want.byName && (mime.Is(unknown) || isKind(mime, "text/plain"))
}

// isKind says whether the found type is the wanted one or a special case of it.
func isKind(found *mimetype.MIME, want string) bool {
	for m := found; m != nil; m = m.Parent() {
		if m.Is(want) {
			return true
		}
	}
	return false
}

// programs are the beginnings of what a computer runs.
var programs = [][]byte{
	[]byte("MZ"), []byte("ZM"), []byte("\x7fELF"), []byte("#!"), []byte("\xef\xbb\xbf#!"),
	{0xfe, 0xed, 0xfa, 0xce}, {0xfe, 0xed, 0xfa, 0xcf}, {0xce, 0xfa, 0xed, 0xfe}, {0xcf, 0xfa, 0xed, 0xfe}, // Mach-O
	{0xca, 0xfe, 0xba, 0xbe}, {0xca, 0xfe, 0xba, 0xbf}, {0xbe, 0xba, 0xfe, 0xca}, // Java, and Mach-O for several machines
	{0x4c, 0, 0, 0, 1, 0x14, 2, 0}, // a Windows shortcut
	[]byte("dex\n"), []byte("\x00asm"), []byte("<?php"), []byte("ITSF"),
}

func isProgram(head []byte) bool {
	for _, p := range programs {
		if bytes.HasPrefix(head, p) {
			return true
		}
	}
	return false
}

func isOLE(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1})
}

// installerEnd is what the class ids of installer packages, patches and transforms (000C1084, …86, …82) have in common.
var installerEnd = []byte{0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}

// isInstaller reads the class id of an OLE file's root folder, which lies at a place that its header names ([MS-CFB]
// 2.2, 2.6.1). One whose header leads nowhere is refused too: no program writes such files.
func isInstaller(r io.ReadSeeker, head []byte, size int64) (bool, error) {
	if len(head) < 512 {
		return true, nil
	}
	shift := binary.LittleEndian.Uint16(head[30:])
	if shift != 9 && shift != 12 {
		return true, nil
	}
	at := (int64(binary.LittleEndian.Uint32(head[48:]))+1)<<shift + 80
	if at+16 > size {
		return true, nil
	}
	var class [16]byte
	if _, err := r.Seek(at, io.SeekStart); err != nil {
		return false, fmt.Errorf("read an OLE file: %w", err)
	}
	if _, err := io.ReadFull(r, class[:]); err != nil {
		return false, fmt.Errorf("read an OLE file: %w", err)
	}
	kind := class[0]
	return bytes.Equal(class[1:], installerEnd) && (kind == 0x82 || kind == 0x84 || kind == 0x86), nil
}

// archived reads an archive to its end. want is "zip", or the folder an Office file of the type has.
func archived(r io.ReadSeeker, size int64, want, found string) (judgement, error) {
	j := judgement{found: found}
	a, err := walkArchive(r, size, want)
	switch {
	case errors.Is(err, errArchive):
		j.reason = reasonArchive
	case errors.Is(err, errEncrypted):
		j.reason = reasonEncrypted
	case errors.Is(err, errProgram):
		j.reason = reasonInside
	case err != nil:
		return j, err
	case want != "zip" && (!a.office || !a.inFolder):
		j.reason = reasonType
	default:
		j.macros = a.macros
	}
	return j, nil
}

// sealedOffice judges an OLE file where an Office archive should be: Office puts one with a password into such
// ([MS-OFFCRYPTO] 2.3.4.4).
func sealedOffice(r io.ReadSeeker, found string) (judgement, error) {
	sealed, err := contains(r, utf16("EncryptedPackage"))
	if sealed {
		return judgement{found: found, reason: reasonEncrypted}, err
	}
	return judgement{found: found, reason: reasonType}, err
}

// contains says whether a mark occurs anywhere in a file.
func contains(r io.ReadSeeker, mark []byte) (bool, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("look for a mark: %w", err)
	}
	f := &finder{want: mark}
	if _, err := io.Copy(f, onlyReader{r}); err != nil {
		return false, fmt.Errorf("look for a mark: %w", err)
	}
	return f.found, nil
}

// maxPixels of a picture. The largest scans that practices make have a tenth; one with more fills the memory of whoever
// opens it, however small the file is.
const maxPixels = 500_000_000

// pictureReason refuses a picture whose header says that it unpacks to too much. What has no such header is judged by
// others: the scanner, and the process that draws previews.
func pictureReason(r io.ReadSeeker) (string, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read a picture's header: %w", err)
	}
	store := &storeReader{r: io.LimitReader(r, 64<<20)} // a header may follow long descriptions, and no longer ones
	c, _, err := image.DecodeConfig(store)
	switch {
	case store.err != nil:
		return "", fmt.Errorf("read a picture's header: %w", store.err)
	case err == nil && c.Width > 0 && c.Height > maxPixels/c.Width:
		return reasonPixels, nil
	}
	return "", nil
}
