package preview

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Elements that are looked at (PS3.6).
const (
	tagMediaClass     = 0x00020002
	tagCharset        = 0x00080005
	tagStudyDate      = 0x00080020
	tagAcquireDate    = 0x00080022
	tagContentDate    = 0x00080023
	tagModality       = 0x00080060
	tagMaker          = 0x00080070
	tagInstitution    = 0x00080080
	tagStudyText      = 0x00081030
	tagSeriesText     = 0x0008103E
	tagModel          = 0x00081090
	tagPatient        = 0x00100010
	tagPatientID      = 0x00100020
	tagBorn           = 0x00100030
	tagSex            = 0x00100040
	tagBodyPart       = 0x00180015
	tagThickness      = 0x00180050
	tagFrameTime      = 0x00181063
	tagDetectorGap    = 0x00181164
	tagLaterality     = 0x00200060
	tagSamples        = 0x00280002
	tagPhotometric    = 0x00280004
	tagPlanar         = 0x00280006
	tagFrames         = 0x00280008
	tagRows           = 0x00280010
	tagColumns        = 0x00280011
	tagSpacing        = 0x00280030
	tagAllocated      = 0x00280100
	tagStored         = 0x00280101
	tagHighBit        = 0x00280102
	tagSigned         = 0x00280103
	tagPadding        = 0x00280120
	tagCenter         = 0x00281050
	tagWidth          = 0x00281051
	tagIntercept      = 0x00281052
	tagSlope          = 0x00281053
	tagUnit           = 0x00281054
	tagWindowText     = 0x00281055
	tagWindowFunction = 0x00281056
	tagRedSize        = 0x00281101
	tagRedTable       = 0x00281201
	tagRedSegments    = 0x00281221
	tagModalityLUT    = 0x00283000
	tagLUTSize        = 0x00283002
	tagLUTData        = 0x00283006
	tagVOILUT         = 0x00283010
	tagShared         = 0x52009229
	tagPerFrame       = 0x52009230
	tagMeasures       = 0x00289110
	tagFrameVOI       = 0x00289132
	tagFrameValues    = 0x00289145
	tagDoseScale      = 0x3004000E
)

// wantedSequences are read, others passed over.
var wantedSequences = map[uint32]bool{tagModalityLUT: true, tagVOILUT: true, tagShared: true, tagPerFrame: true, tagMeasures: true, tagFrameVOI: true, tagFrameValues: true}

// text gives a value as it stands, without padding.
func (s dicomSet) text(tag uint32) string {
	return strings.TrimRight(strings.TrimLeft(string(s[tag].val), " "), " \x00")
}

// numbers gives the decimal numbers of a value; what is none ends the list.
func (s dicomSet) numbers(tag uint32) (list []float64) {
	for part := range strings.SplitSeq(s.text(tag), `\`) {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 1e15 {
			break
		}
		list = append(list, v)
	}
	return list
}

// number gives the first decimal number of a value, or other.
func (s dicomSet) number(tag uint32, other float64) float64 {
	if list := s.numbers(tag); len(list) > 0 {
		return list[0]
	}
	return other
}

// first gives the first item of a sequence; an empty one has no elements.
func (s dicomSet) first(tag uint32) dicomSet {
	if items := s[tag].items; len(items) > 0 {
		return items[0]
	}
	return nil
}

// short gives number i of a value of 16-bit numbers, or other.
func short(e dicomElem, i int, order binary.ByteOrder, other int) int {
	if len(e.val) < 2*i+2 {
		return other
	}
	return int(order.Uint16(e.val[2*i:]))
}

// num gives a 16-bit number of the file, or other.
func (f *dicomFile) num(tag uint32, other int) int { return short(f.dicomSet[tag], 0, f.order, other) }

// charsets are the repertoires of PS3.3 C.12.1.1.2. Those without code extensions and those with them decode alike here.
var charsets = map[string]encoding.Encoding{
	"100": charmap.ISO8859_1, "101": charmap.ISO8859_2, "109": charmap.ISO8859_3, "110": charmap.ISO8859_4, "144": charmap.ISO8859_5,
	"127": charmap.ISO8859_6, "126": charmap.ISO8859_7, "138": charmap.ISO8859_8, "148": charmap.ISO8859_9, "203": charmap.ISO8859_15, "166": charmap.Windows874,
	"13": japanese.ShiftJIS, "87": japanese.ISO2022JP, "159": japanese.ISO2022JP, "149": korean.EUCKR, "58": simplifiedchinese.GBK, "GB18030": simplifiedchinese.GB18030, "GBK": simplifiedchinese.GBK,
}

// charset finds how the file's words are written: the last repertoire that it names holds all the ones before.
func (f *dicomFile) charset() encoding.Encoding {
	var found encoding.Encoding
	for name := range strings.SplitSeq(f.text(tagCharset), `\`) {
		name = strings.TrimSpace(strings.ToUpper(name))
		if i := strings.LastIndexAny(name, " _"); i >= 0 {
			name = name[i+1:]
		}
		if e := charsets[name]; e != nil {
			found = e
		}
	}
	return found
}

// words gives a value as text for people: decoded, in one line, at most 200 characters.
func (f *dicomFile) words(tag uint32) string {
	raw := f.text(tag)
	if e := f.charset(); e != nil {
		if s, err := e.NewDecoder().String(withoutEscapes(raw, e)); err == nil {
			raw = s
		}
	}
	if !utf8.ValidString(raw) {
		if s, err := charmap.ISO8859_1.NewDecoder().String(raw); err == nil {
			raw = s
		}
	}
	raw = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, raw)
	raw = strings.Join(strings.Fields(raw), " ")
	if list := []rune(raw); len(list) > 200 {
		raw = string(list[:200]) + "…"
	}
	return raw
}

// withoutEscapes takes out the switches between repertoires, where the decoder does not read them itself.
func withoutEscapes(s string, e encoding.Encoding) string {
	if e == japanese.ISO2022JP {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != 0x1B {
			out.WriteByte(s[i])
			continue
		}
		for i++; i < len(s) && s[i] >= 0x20 && s[i] <= 0x2F; i++ {
		}
	}
	return out.String()
}
