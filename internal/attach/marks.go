package attach

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// The marks of types that the library does not know, or takes too easily. All look at the beginning alone.

// isPDF wants the mark at the start; only white space may stand before it.
func isPDF(head []byte) bool {
	const most = 1024
	trimmed := bytes.TrimLeft(head[:min(most, len(head))], " \t\r\n\f\x00\xef\xbb\xbf")
	return bytes.HasPrefix(trimmed, []byte("%PDF-"))
}

// isPostScript knows the text form and the binary wrapper that EPS files have on Windows.
func isPostScript(head []byte) bool {
	return bytes.HasPrefix(head, []byte("%!PS")) || bytes.HasPrefix(head, []byte{0xc5, 0xd0, 0xd3, 0xc6})
}

func isPDFOrPostScript(head []byte) bool { return isPDF(head) || isPostScript(head) }

func isAIFC(head []byte) bool {
	return len(head) >= 12 && string(head[:4]) == "FORM" && string(head[8:12]) == "AIFC"
}

// isMPEGSound looks for a frame of MPEG sound, layer I to III (the library knows layer III alone).
func isMPEGSound(head []byte) bool {
	if len(head) < 4 || head[0] != 0xff || head[1]&0xe0 != 0xe0 {
		return false
	}
	version, layer, rate, freq := head[1]>>3&3, head[1]>>1&3, head[2]>>4, head[2]>>2&3
	return version != 1 && layer != 0 && rate != 0 && rate != 15 && freq != 3
}

// isQuickTime knows old files that begin with one of these atoms instead of a type.
func isQuickTime(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	switch string(head[4:8]) {
	case "moov", "mdat", "wide", "skip", "pnot":
		return true
	}
	return false
}

func isRealAudio(head []byte) bool {
	return bytes.HasPrefix(head, []byte(".ra\xfd")) || bytes.HasPrefix(head, []byte(".RMF"))
}

func isBinHex(head []byte) bool {
	return bytes.Contains(head[:min(4096, len(head))], []byte("must be converted with BinHex"))
}

func isMIF(head []byte) bool { return bytes.HasPrefix(head, []byte("<MIFFile")) }

func isSMIL(head []byte) bool {
	return isText(head) && bytes.Contains(head[:min(4096, len(head))], []byte("<smil"))
}

// isDICOM wants "DICM" behind the preamble, or, in files written without one, a first element of a group that such
// files begin with.
func isDICOM(head []byte) bool {
	if len(head) >= 132 && string(head[128:132]) == "DICM" {
		return true
	}
	if len(head) < 8 {
		return false
	}
	group, element := binary.LittleEndian.Uint16(head), binary.LittleEndian.Uint16(head[2:])
	if group != 2 && group != 8 || element > 0x20 {
		return false
	}
	explicit := isUpper(head[4]) && isUpper(head[5])
	return explicit || binary.LittleEndian.Uint32(head[4:]) <= 256
}

func isUpper(b byte) bool { return 'A' <= b && b <= 'Z' }

// isSTLText: the text form says "solid" and then "facet"; a binary file may begin with "solid" too.
func isSTLText(head []byte) bool {
	return isText(head) && bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("solid")) && bytes.Contains(head, []byte("facet"))
}

// isSTLBinary: 80 bytes of anything, a count, and 50 bytes for each triangle make exactly the size.
func isSTLBinary(head []byte, size int64) bool {
	return len(head) >= 84 && size == 84+50*int64(binary.LittleEndian.Uint32(head[80:]))
}

// isPLY wants the mark, and then the line that names the form.
func isPLY(head []byte) bool {
	rest, found := bytes.CutPrefix(head, []byte("ply"))
	rest = bytes.TrimLeft(rest, "\r\n")
	return found && len(rest) < len(head)-3 && bytes.HasPrefix(rest, []byte("format "))
}

// isOBJ looks for a vertex among the first lines of a text.
func isOBJ(head []byte) bool {
	if !isText(head) {
		return false
	}
	for line := range strings.Lines(string(head)) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "v", "vn", "vt", "f":
			return true
		case "", "#", "o", "g", "s", "mtllib", "usemtl":
			continue
		}
		if !strings.HasPrefix(word, "#") {
			return false
		}
	}
	return false
}

// isMail wants the first line to be a header's: a name of letters and dashes, then a colon. mbox files begin otherwise.
func isMail(head []byte) bool {
	name, _, found := bytes.Cut(head[:min(200, len(head))], []byte(":"))
	if !found || len(name) < 2 || !isText(head) {
		return false
	}
	for _, c := range name {
		if c != '-' && !isUpper(c) && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// isText says that no byte is one that text does not have, in UTF-8 or in the older encodings of one byte a letter.
func isText(head []byte) bool {
	for _, c := range head {
		if c < ' ' && !strings.ContainsRune("\t\r\n\f\x1b", rune(c)) {
			return false
		}
	}
	return true
}
