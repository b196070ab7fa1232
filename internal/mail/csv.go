package mail

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"securepractice/internal/account"
	"securepractice/internal/fault"
	"securepractice/internal/practice"
)

// The limits of a file of contacts.
const (
	maxImportRows  = 5000
	maxImportBytes = 1 << 20
)

// The columns' names in files of address books, in lower case.
var (
	emailColumns = []string{"email", "e-mail", "email address", "e-mail address", "mail", "primary email", "e-mail 1 - value", "email 1 - value"}
	nameColumns  = []string{"name", "full name", "display name", "contact", "contact name", "file as"}
	firstColumns = []string{"first name", "first", "given name", "firstname"}
	lastColumns  = []string{"last name", "last", "family name", "surname", "lastname"}
)

// csvRow is one line of a file of contacts, as it stands there.
type csvRow struct {
	Line        int
	Name, Email string
}

func errImport(text string) error { return fault.Field("file", text) }

var (
	errNotText  = errors.New("mail: not a text file")
	errTooLarge = errors.New("mail: too large a file")
)

// readContacts reads a file of contacts as it arrives: comma, semicolon or tab between its columns; UTF-8 or Windows-1252;
// names of columns in the first line, or none. What cannot be read so is a fault on the field "file".
func readContacts(r io.Reader) ([]csvRow, error) {
	in := bufio.NewReader(&textReader{in: bufio.NewReader(&capped{r: r, left: maxImportBytes})})
	if c, _, err := in.ReadRune(); err == nil && c != '\uFEFF' {
		_ = in.UnreadRune() // just read
	}
	head, _ := in.Peek(2048) // an error comes again when the rest is read
	lines := csv.NewReader(in)
	lines.Comma, lines.FieldsPerRecord, lines.LazyQuotes, lines.ReuseRecord = delimiter(head), -1, true, true
	var list []csvRow
	var at columns
	for n := 0; ; n++ {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvFault(err)
		}
		if n == 0 {
			var named bool
			if at, named, err = findColumns(record); err != nil {
				return nil, err
			}
			if named {
				continue
			}
		}
		if len(list) == maxImportRows {
			return nil, errImport(fmt.Sprintf("The file has more than %s rows. Split it and import the parts one after the other.", thousands(maxImportRows)))
		}
		line, _ := lines.FieldPos(0)
		list = append(list, csvRow{Line: line, Name: at.nameIn(record), Email: cell(record, at.email)})
	}
	if len(list) == 0 {
		return nil, errImport("The file holds no contacts")
	}
	return list, nil
}

// csvFault says why a file could not be read.
func csvFault(err error) error {
	var broken *csv.ParseError
	switch {
	case errors.Is(err, errTooLarge):
		return errImport("The file is larger than 1 MB. Split it and import the parts one after the other.")
	case errors.Is(err, errNotText), errors.As(err, &broken):
		return errImport("The file could not be read. Save it as CSV (comma separated), then choose it again.")
	}
	return fmt.Errorf("read a file of contacts: %w", err)
}

// delimiter is what stands most often between the fields of the first line.
func delimiter(head []byte) rune {
	line, _, _ := strings.Cut(string(head), "\n")
	best, most := ',', 0
	for _, c := range ",;\t" {
		if n := strings.Count(line, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// columns says where in a line names and addresses stand; -1 for nowhere.
type columns struct{ email, name, first, last int }

// findColumns looks at the first line: the names of the columns, or, when an address stands in it, the first contact.
func findColumns(record []string) (at columns, named bool, err error) {
	find := func(names []string) int {
		return slices.IndexFunc(record, func(v string) bool { return slices.Contains(names, strings.ToLower(practice.OneLine(v))) })
	}
	at = columns{email: find(emailColumns), name: find(nameColumns), first: find(firstColumns), last: find(lastColumns)}
	if at.email >= 0 {
		return at, true, nil
	}
	at = columns{name: -1, first: -1, last: -1}
	if at.email = slices.IndexFunc(record, isAddress); at.email < 0 {
		return at, false, errImport("No column with email addresses was found. Name it “Email” in the first line of the file.")
	}
	at.name = slices.IndexFunc(record, func(v string) bool { return strings.TrimSpace(v) != "" && !strings.Contains(v, "@") })
	return at, false, nil
}

func isAddress(v string) bool {
	_, ok := account.CanonEmail(plainCell(v))
	return ok
}

func (at columns) nameIn(record []string) string {
	if name := cell(record, at.name); name != "" {
		return name
	}
	return practice.OneLine(cell(record, at.first) + " " + cell(record, at.last))
}

func cell(record []string, n int) string {
	if n < 0 || n >= len(record) {
		return ""
	}
	return plainCell(record[n])
}

// formula begins what a spreadsheet would compute (OWASP, CSV Injection), also in the wide forms of East Asian scripts.
const formula = "=+-@\t\r＝＋－＠"

// plainCell is a cell on one line without what was put before it to keep it a text.
func plainCell(v string) string {
	v = practice.OneLine(v)
	if rest, ok := strings.CutPrefix(v, "'"); ok && rest != "" && strings.ContainsRune(formula, initial(rest)) {
		return rest
	}
	return v
}

// safeCell is a text that a spreadsheet shows and does not compute.
func safeCell(v string) string {
	v = practice.OneLine(v)
	if v != "" && strings.ContainsRune(formula, initial(v)) {
		return "'" + v
	}
	return v
}

func initial(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// writeContacts writes a file of contacts that readContacts and spreadsheets read.
func writeContacts(w io.Writer, list []Contact) error {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return err
	}
	lines := csv.NewWriter(w)
	lines.UseCRLF = true
	yes := map[bool]string{true: "yes"}
	records := [][]string{{"Name", "Email", "Organization", "Favorite", "Hidden"}}
	for _, c := range list {
		records = append(records, []string{safeCell(c.Name), safeCell(c.Email), safeCell(c.Org), yes[c.Favourite], yes[c.Hidden]})
	}
	return lines.WriteAll(records)
}

// textReader gives text as UTF-8: bytes that are none are taken as Windows-1252, which older spreadsheets write.
type textReader struct {
	in   *bufio.Reader
	left []byte
	err  error // stays: whoever looks ahead would lose it
}

func (t *textReader) Read(p []byte) (int, error) {
	for len(t.left) == 0 && t.err == nil {
		var c rune
		if c, t.err = t.next(); t.err == nil {
			t.left = utf8.AppendRune(t.left[:0], c)
		}
	}
	if len(t.left) == 0 {
		return 0, t.err
	}
	n := copy(p, t.left)
	t.left = t.left[n:]
	return n, nil
}

func (t *textReader) next() (rune, error) {
	c, size, err := t.in.ReadRune()
	if err == nil && c == utf8.RuneError && size == 1 {
		if err = t.in.UnreadRune(); err != nil {
			return 0, err
		}
		var b byte
		b, err = t.in.ReadByte()
		c = charmap.Windows1252.DecodeByte(b)
	}
	if err == nil && c == 0 {
		err = errNotText
	}
	return c, err
}

// capped reads at most so many bytes; more is an error.
type capped struct {
	r    io.Reader
	left int
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= n; c.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
