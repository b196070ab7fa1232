package attach

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// headLen is how much of a file's beginning is looked at.
const headLen = 64 << 10

const (
	oleStorage = "application/x-ole-storage"
	unknown    = "application/octet-stream"
)

// content judges what a file is against what its extension says. found is the content's type. reason is empty when the
// two agree and nothing in it is blocked. An error is no judgement.
func content(r io.ReadSeeker, size int64, ext string) (found, reason string, err error) {
	head := make([]byte, min(headLen, size))
	if _, err := io.ReadFull(r, head); err != nil {
		return "", "", fmt.Errorf("read the beginning: %w", err)
	}
	mime := mimetype.Detect(head)
	found, _, _ = strings.Cut(mime.String(), ";")
	want, ok := accepted[ext]
	switch {
	case !ok:
		return found, reasonType, nil
	case isProgram(head):
		return found, reasonProgram, nil
	case isOLE(head):
		if program, err := isInstaller(r, head, size); err != nil || program {
			return found, reasonProgram, err
		}
	}
	if want.archive != "" {
		if !bytes.HasPrefix(head, []byte("PK")) {
			return found, reasonType, nil
		}
		reason, err := archiveReason(r, size, want.archive)
		return found, reason, err
	}
	if !agrees(want, mime, head, size, ext) {
		return found, reasonType, nil
	}
	return found, "", nil
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

// archiveReason walks a ZIP's directory. want is "zip", or the folder an Office file of the type has.
func archiveReason(r io.ReadSeeker, size int64, want string) (string, error) {
	a, err := walkArchive(r, size, want)
	switch {
	case errors.Is(err, errArchive):
		return reasonArchive, nil
	case err != nil:
		return "", err
	case a.encrypted:
		return reasonEncrypted, nil
	case want != "zip" && (!a.office || !a.folder):
		return reasonType, nil
	}
	return "", nil
}
