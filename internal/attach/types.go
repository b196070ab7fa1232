package attach

import (
	"maps"
	"slices"
)

// fileType says how files of one extension are shown, and what their content must be.
type fileType struct {
	kind, icon string
	mimes      []string               // what the library may find: any of these
	own        func(head []byte) bool // or what our own look at the beginning finds
	byName     bool                   // or any text or unknown bytes: these types have no mark of their own
	archive    string                 // "zip", or the folder that the archive must hold ("word/")
}

// Icons of the sheet in package web.
const (
	iconText  = "file-text"
	iconImage = "image"
	iconModel = "box"
	iconBox   = "archive"
	iconOther = "paperclip"
)

var (
	jpeg       = fileType{kind: "Photo", icon: iconImage, mimes: []string{"image/jpeg"}}
	tiff       = fileType{kind: "Image", icon: iconImage, mimes: []string{"image/tiff"}}
	postscript = fileType{kind: "Drawing", icon: iconImage, own: isPostScript}
	aiff       = fileType{kind: "Sound", icon: iconOther, mimes: []string{"audio/aiff"}, own: isAIFC}
	midi       = fileType{kind: "Sound", icon: iconOther, mimes: []string{"audio/midi"}}
	mpegSound  = fileType{kind: "Sound", icon: iconOther, mimes: []string{"audio/mpeg"}, own: isMPEGSound}
	mpegVideo  = fileType{kind: "Video", icon: iconOther, mimes: []string{"video/mpeg"}}
	quickTime  = fileType{kind: "Video", icon: iconOther, mimes: []string{"video/quicktime", "video/mp4", "video/x-m4v"}, own: isQuickTime}
	realMedia  = fileType{kind: "Video", icon: iconOther, mimes: []string{"application/vnd.rn-realmedia-vbr"}, own: isRealAudio}
	smil       = fileType{kind: "Presentation", icon: iconOther, own: isSMIL}
	excel      = fileType{kind: "Spreadsheet", icon: iconText, mimes: []string{"application/vnd.ms-excel", oleStorage}}
	card       = fileType{kind: "Contact", icon: iconText, mimes: []string{"text/vcard"}}
	markup     = fileType{kind: "XML", icon: iconText, mimes: []string{"text/xml"}}
	plainText  = fileType{kind: "Text", icon: iconText, byName: true}
	dictation  = fileType{kind: "Dictation", icon: iconOther, byName: true}
	otherFile  = fileType{kind: "File", icon: iconOther, byName: true}
	movie      = fileType{kind: "Video", icon: iconOther, mimes: []string{"video/quicktime", "video/mp4", "video/mpeg"}, byName: true}
	phonePhoto = fileType{kind: "Photo", icon: iconImage, mimes: []string{"image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"}}
	stream     = fileType{kind: "Stream", icon: iconOther, mimes: []string{"application/vnd.rn-realmedia-vbr"}, own: isRealAudio, byName: true}
)

// accepted are the types of SPEC.md by extension.
var accepted = map[string]fileType{
	"ai":    {kind: "Drawing", icon: iconImage, mimes: []string{"application/pdf"}, own: isPDFOrPostScript},
	"aif":   aiff,
	"aifc":  aiff,
	"aiff":  aiff,
	"avi":   {kind: "Video", icon: iconOther, mimes: []string{"video/x-msvideo"}},
	"bmp":   {kind: "Image", icon: iconImage, mimes: []string{"image/bmp"}},
	"cpt":   otherFile,
	"dcm":   {kind: "DICOM", icon: iconImage, own: isDICOM},
	"dex":   otherFile,
	"doc":   {kind: "Document", icon: iconText, mimes: []string{"application/msword", oleStorage, "text/rtf"}},
	"docx":  {kind: "Document", icon: iconText, archive: "word/"},
	"ds2":   dictation,
	"eml":   {kind: "E-mail", icon: iconText, mimes: []string{"message/rfc822"}, own: isMail},
	"eps":   postscript,
	"gif":   {kind: "Image", icon: iconImage, mimes: []string{"image/gif"}},
	"hqx":   {kind: "Archive", icon: iconBox, own: isBinHex},
	"jpe":   jpeg,
	"jpeg":  jpeg,
	"jpg":   jpeg,
	"log":   plainText,
	"mid":   midi,
	"midi":  midi,
	"mif":   {kind: "Document", icon: iconText, own: isMIF},
	"mov":   quickTime,
	"movie": movie,
	"mp2":   mpegSound,
	"mp3":   mpegSound,
	"mp4":   {kind: "Video", icon: iconOther, mimes: []string{"video/mp4", "audio/mp4", "video/x-m4v", "audio/x-m4a", "video/3gpp", "video/quicktime"}},
	"mpe":   mpegVideo,
	"mpeg":  mpegVideo,
	"mpga":  mpegSound,
	"obj":   {kind: "3D model", icon: iconModel, own: isOBJ},
	"oda":   otherFile,
	"pdf":   {kind: "PDF", icon: iconText, own: isPDF},
	"png":   {kind: "Image", icon: iconImage, mimes: []string{"image/png", "image/apng"}},
	"ppt":   {kind: "Presentation", icon: iconText, mimes: []string{"application/vnd.ms-powerpoint", oleStorage}},
	"pptx":  {kind: "Presentation", icon: iconText, archive: "ppt/"},
	"ps":    postscript,
	"qt":    quickTime,
	"ra":    realMedia,
	"ram":   stream,
	"rm":    realMedia,
	"rpm":   {kind: "Package", icon: iconBox, mimes: []string{"application/x-rpm"}},
	"rtf":   {kind: "Document", icon: iconText, mimes: []string{"text/rtf"}},
	"rtx":   plainText,
	"rv":    stream,
	"smi":   smil,
	"smil":  smil,
	"stl":   {kind: "3D model", icon: iconModel, own: isSTLText}, // the binary form is known by the file's size: see content
	"text":  plainText,
	"tif":   tiff,
	"tiff":  tiff,
	"txt":   plainText,
	"vcard": card,
	"vcf":   card,
	"wav":   {kind: "Sound", icon: iconOther, mimes: []string{"audio/wav"}},
	"wbxml": otherFile,
	"wmlc":  otherFile,
	"wmv":   {kind: "Video", icon: iconOther, mimes: []string{"video/x-ms-asf"}},
	"word":  {kind: "Document", icon: iconText, mimes: []string{"application/msword", oleStorage, "text/rtf"}, byName: true},
	"xl":    excel,
	"xls":   excel,
	"xml":   markup,
	"xsl":   markup,
	"xlsx":  {kind: "Spreadsheet", icon: iconText, archive: "xl/"},
	"zip":   {kind: "Archive", icon: iconBox, archive: "zip"},
}

// beyond are types that SPEC.md's list lacks and people send: photos of phones, tables, scans. Settings.More chooses among them.
var beyond = map[string]fileType{
	"csv":  {kind: "Table", icon: iconText, byName: true},
	"heic": phonePhoto,
	"heif": phonePhoto,
	"ply":  {kind: "3D model", icon: iconModel, own: isPLY},
	"webp": {kind: "Image", icon: iconImage, mimes: []string{"image/webp"}},
}

// typeOf finds the type of an extension, whether or not it may be attached here today: what was taken is judged all the same.
func typeOf(ext string) (fileType, bool) {
	if t, ok := accepted[ext]; ok {
		return t, true
	}
	t, ok := beyond[ext]
	return t, ok
}

// Beyond lists the types that an operator may switch off, in order.
func Beyond() []string { return slices.Sorted(maps.Keys(beyond)) }

// accepts says whether files of an extension may be attached.
func (s *Service) accepts(ext string) bool {
	_, ok := accepted[ext]
	return ok || slices.Contains(s.set.More, ext)
}

// Accepted lists the extensions of the files that may be attached, without dots, in order.
func (s *Service) Accepted() []string {
	return slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(accepted)), s.set.More)))
}
