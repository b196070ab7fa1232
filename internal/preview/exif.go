package preview

import (
	"bytes"
	"encoding/binary"
)

// metaLen in bytes is how much of a file's beginning is searched for how the camera was held.
const metaLen = 1 << 20

// orientation is EXIF's number from 1 to 8 for how a picture is to be turned; 1 when nothing says so. It is the one thing
// of the metadata that is used, and nothing of it is kept.
func orientation(b []byte, format string) int {
	switch format {
	case "tiff":
		return tiffOrientation(b)
	case "jpeg":
		return tiffOrientation(jpegExif(b))
	case "png":
		return tiffOrientation(pngExif(b))
	case "webp":
		return tiffOrientation(riffExif(b))
	}
	return 1
}

// jpegExif finds the segment APP1 with EXIF before the picture begins.
func jpegExif(b []byte) []byte {
	for i := 2; i+4 <= len(b) && b[i] == 0xff; {
		mark, n := b[i+1], int(binary.BigEndian.Uint16(b[i+2:]))
		if mark == 0xda || n < 2 || i+2+n > len(b) {
			return nil
		}
		if data, ok := bytes.CutPrefix(b[i+4:i+2+n], []byte("Exif\x00\x00")); mark == 0xe1 && ok {
			return data
		}
		i += 2 + n
	}
	return nil
}

func pngExif(b []byte) []byte {
	for i := 8; i+12 <= len(b); {
		n, name := int64(binary.BigEndian.Uint32(b[i:])), string(b[i+4:i+8])
		if int64(i)+12+n > int64(len(b)) {
			return nil
		}
		if name == "eXIf" {
			return b[i+8 : i+8+int(n)]
		}
		i += 12 + int(n)
	}
	return nil
}

func riffExif(b []byte) []byte {
	for i := 12; i+8 <= len(b); {
		name, n := string(b[i:i+4]), int64(binary.LittleEndian.Uint32(b[i+4:]))
		if int64(i)+8+n > int64(len(b)) {
			return nil
		}
		if name == "EXIF" {
			return bytes.TrimPrefix(b[i+8:i+8+int(n)], []byte("Exif\x00\x00"))
		}
		i += 8 + int(n+n%2)
	}
	return nil
}

// tiffOrientation reads tag 274 of the first directory of a TIFF structure.
func tiffOrientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	b = b[at:]
	n := int(order.Uint16(b))
	for i := range n {
		e := 2 + 12*i
		if e+12 > len(b) {
			return 1
		}
		if order.Uint16(b[e:]) != 274 {
			continue
		}
		if v := int(order.Uint16(b[e+8:])); v >= 1 && v <= 8 {
			return v
		}
		return 1
	}
	return 1
}
