package mail

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"securepractice/internal/paper"
	"securepractice/internal/ui"
)

// sheets is what the text of a record is written to: a PDF, or plain text.
type sheets interface {
	Head(text string)
	Line(text string)
	Body(text string)
	Small(text string)
}

// write writes one part of a record.
func (s *Service) write(ctx context.Context, rec *record, part []recordRow, to sheets) error {
	for _, line := range rec.opening() {
		to.Line(line)
	}
	return s.each(ctx, rec, part, func(c copyOf) error {
		to.Head(c.author.line() + ". " + ui.LongTime(c.at, rec.zone))
		to.Body(strings.TrimSpace(c.body))
		for _, f := range c.files {
			to.Small("File: " + f.Name + " (" + f.Kind + ", " + ui.Bytes(f.Size) + ", " + thousands(int(f.Size)) + " bytes)")
			to.Small("SHA-256: " + c.sums[f.FileID])
		}
		return nil
	})
}

// opening is what stands above the messages.
func (rec *record) opening() []string {
	lines := []string{"Participants: " + strings.Join(rec.people, "; ")}
	if rec.of.messageID != "" {
		return append(lines, "One message of this conversation")
	}
	return append(lines, count(int64(len(rec.rows)), "message", "messages"))
}

// foot says who took the record, from where, and when.
func (rec *record) foot() string {
	verb := map[string]string{onPaper: "Printed", asPDF: "Saved as PDF", asExport: "Exported"}[rec.of.kind]
	return rec.product + ". " + verb + " by " + rec.takenBy() + " on " + ui.LongTime(rec.at, rec.zone) + ". Confidential: contains health information."
}

// writePDF makes one document; n of so many when a record needs several.
func (s *Service) writePDF(ctx context.Context, rec *record, n int, w io.Writer) error {
	parts := rec.parts()
	doc := paper.New(rec.m.subject, rec.foot(), rec.at)
	if len(parts) > 1 {
		doc.Line(fmt.Sprintf("Part %d of %d", n+1, len(parts)))
	}
	if err := s.write(ctx, rec, parts[n], doc); err != nil {
		return err
	}
	return doc.Write(w)
}

// plain writes a record as text with the line ends of e-mail. The first error stays.
type plain struct {
	w   io.Writer
	err error
}

func (p *plain) put(text string) {
	if p.err == nil {
		text = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n").Replace(text)
		_, p.err = io.WriteString(p.w, text+"\r\n")
	}
}

func (p *plain) Head(text string)  { p.put("\n" + strings.Repeat("-", 72) + "\n" + text + "\n") }
func (p *plain) Line(text string)  { p.put(text) }
func (p *plain) Body(text string)  { p.put(text + "\n") }
func (p *plain) Small(text string) { p.put(text) }

// writeText makes the text of a whole record.
func (s *Service) writeText(ctx context.Context, rec *record, w io.Writer) error {
	p := &plain{w: w}
	p.Line(rec.m.subject)
	p.Line(rec.foot())
	if err := s.write(ctx, rec, rec.rows, p); err != nil {
		return err
	}
	return p.err
}

// recordPath is the address of a record.
func recordPath(threadID, messageID, kind string) string {
	path := "/mail/t/" + threadID + "/" + kind
	if messageID != "" {
		path += "?message=" + messageID
	}
	return path
}

// recordPart is the address of a part of a printed record.
func recordPart(rec *record, part int) string {
	return recordPath(rec.of.threadID, "", onPaper) + "?part=" + strconv.Itoa(part)
}
