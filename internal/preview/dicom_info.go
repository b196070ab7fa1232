package preview

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// DicomInfo describes a DICOM file: what the page "info" holds.
type DicomInfo struct {
	Fields   []DicomField  `json:"fields"`            // for the table, in order
	Reason   string        `json:"reason,omitempty"`  // why there is no picture; "" when there is
	Notes    []string      `json:"notes,omitempty"`   // what a person must know of what is shown
	Width    int           `json:"width"`             // pixels of the frames as emitted
	Height   int           `json:"height"`            //
	Frames   int           `json:"frames"`            // in the file
	Step     int           `json:"step"`              // frame N as emitted is frame N × Step of the file, from 0
	Color    bool          `json:"color,omitempty"`   // no window and level: there are no raw frames
	Invert   bool          `json:"invert,omitempty"`  // small values are bright
	Unit     string        `json:"unit,omitempty"`    // of the values: "HU"
	Windows  []DicomWindow `json:"windows,omitempty"` // the first is the one that the pages are made with
	Min      float64       `json:"min"`               // of the values of all frames emitted
	Max      float64       `json:"max"`               //
	Aspect   float64       `json:"aspect"`            // height of a pixel over its width
	FrameMS  float64       `json:"frameMs,omitempty"` // how long a frame is shown; 0 when it is no film
	Raw      []DicomFrame  `json:"raw,omitempty"`     // one for each frame emitted, unless it has colours
	Modality string        `json:"modality,omitempty"`
	Syntax   string        `json:"syntax"` // how the pixels are stored
	Shown    int           `json:"shown"`  // frames emitted
}

// DicomField is a line of the table.
type DicomField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// DicomFrame is what the browser needs to show a raw frame: the value of a number is number × Slope + Intercept. Sum is
// the sum of the numbers, modulo 2³².
type DicomFrame struct {
	Slope     float64 `json:"slope"`
	Intercept float64 `json:"intercept"`
	Sum       uint32  `json:"sum"`
}

// modalities are those that a dental practice meets (PS3.3 C.7.3.1.1.1).
var modalities = map[string]string{
	"IO": "Intra-oral X-ray", "PX": "Panoramic X-ray", "DX": "Digital X-ray", "CR": "Computed radiography", "CT": "Computed tomography", "MR": "Magnetic resonance",
	"XC": "Photograph", "OT": "Other", "SC": "Secondary capture", "US": "Ultrasound", "ES": "Endoscopy", "GM": "Microscopy", "SM": "Slide microscopy", "RG": "Radiography",
	"RF": "Fluoroscopy", "XA": "X-ray angiography", "NM": "Nuclear medicine", "PT": "Positron emission tomography", "MG": "Mammography", "SR": "Report", "DOC": "Document", "SEG": "Segmentation",
	"RTDOSE": "Radiotherapy dose", "RTPLAN": "Radiotherapy plan", "RTSTRUCT": "Radiotherapy structures", "ECG": "Electrocardiogram", "M3D": "3D model", "OP": "Ophthalmic photograph", "PR": "Presentation state",
}

// describe fills the table with what the file says of itself.
func (f *dicomFile) describe(l dicomLayout, in *DicomInfo) {
	add := func(name, value string) {
		if value != "" {
			in.Fields = append(in.Fields, DicomField{name, value})
		}
	}
	in.Modality = f.words(tagModality)
	in.Syntax = f.syntaxName()
	add("Patient", personName(f.words(tagPatient)))
	add("Patient ID", f.words(tagPatientID))
	add("Date of birth", day(f.text(tagBorn)))
	add("Sex", sex(f.text(tagSex)))
	add("Date", f.taken())
	add("Modality", modalityName(in.Modality))
	add("Study", f.words(tagStudyText))
	add("Series", f.words(tagSeriesText))
	add("Body part", join(", ", strings.ToLower(f.words(tagBodyPart)), side(f.text(tagLaterality))))
	add("Institution", f.words(tagInstitution))
	add("Device", join(" ", f.words(tagMaker), f.words(tagModel)))
	if l.w > 0 && l.h > 0 {
		add("Size", fmt.Sprintf("%d × %d pixels", l.w, l.h))
		add("Frames", strconv.Itoa(l.frames))
		add("Pixel spacing", f.spacing())
		add("Bits", bitsText(l))
		add("Kind of pixels", l.photo)
	}
	add("Stored as", in.Syntax)
}

func join(by string, parts ...string) string {
	var list []string
	for _, p := range parts {
		if p != "" {
			list = append(list, p)
		}
	}
	return strings.Join(list, by)
}

func bitsText(l dicomLayout) string {
	if l.float {
		return fmt.Sprintf("%d, floating point", l.alloc)
	}
	s := strconv.Itoa(l.stored)
	if l.stored != l.alloc {
		s = fmt.Sprintf("%d of %d", l.stored, l.alloc)
	}
	if l.signed {
		s += ", signed"
	}
	return s
}

// personName writes "Doe^Jane^^Dr" as "Doe, Jane": of several ways to write a name the first.
func personName(s string) string {
	for group := range strings.SplitSeq(s, "=") {
		p := strings.Split(group, "^")
		for i := range p {
			p[i] = strings.TrimSpace(p[i])
		}
		family := p[0]
		given := join(" ", p[1:min(len(p), 3)]...)
		if n := join(", ", family, given); n != "" {
			return n
		}
	}
	return ""
}

func sex(s string) string {
	return map[string]string{"M": "Male", "F": "Female", "O": "Other"}[s]
}

func side(s string) string {
	return map[string]string{"L": "left", "R": "right", "B": "both sides"}[s]
}

func modalityName(code string) string {
	if n := modalities[code]; n != "" {
		return n + " (" + code + ")"
	}
	return code
}

// day writes a date as people read it; one that is none as it stands.
func day(s string) string {
	s = strings.ReplaceAll(s, ".", "") // an older way to write it
	d, err := time.Parse("20060102", s[:min(len(s), 8)])
	if err != nil {
		return ""
	}
	return d.Format("Jan 2, 2006")
}

// taken is when the picture was taken, as far as the file says.
func (f *dicomFile) taken() string {
	for _, tag := range []uint32{tagAcquireDate, tagContentDate, tagStudyDate} {
		if d := day(f.text(tag)); d != "" {
			return d
		}
	}
	return ""
}

// gaps gives the distances of rows and columns in millimetres; ok is false when the file does not say.
func (f *dicomFile) gaps() (row, column float64, ok bool) {
	for _, list := range [][]float64{f.group(tagMeasures, 0).numbers(tagSpacing), f.numbers(tagSpacing), f.numbers(tagDetectorGap)} {
		if len(list) >= 2 && list[0] > 0 && list[1] > 0 && list[0] < 1000 && list[1] < 1000 {
			return list[0], list[1], true
		}
	}
	return 1, 1, false
}

func (f *dicomFile) spacing() string {
	row, column, ok := f.gaps()
	if !ok {
		return ""
	}
	s := shortNumber(row) + " × " + shortNumber(column) + " mm"
	if thick := f.group(tagMeasures, 0).number(tagThickness, f.number(tagThickness, 0)); thick > 0 {
		s += ", " + shortNumber(thick) + " mm thick"
	}
	return s
}

// shortNumber writes at most four digits behind the point.
func shortNumber(v float64) string {
	return strconv.FormatFloat(math.Round(v*10000)/10000, 'f', -1, 64)
}

// windowName names window k of the file.
func (f *dicomFile) windowName(k int) string {
	names := strings.Split(f.words(tagWindowText), `\`)
	if k < len(names) && strings.TrimSpace(names[k]) != "" {
		return strings.TrimSpace(names[k])
	}
	if k == 0 {
		return "From the file"
	}
	return fmt.Sprintf("From the file, %d", k+1)
}
