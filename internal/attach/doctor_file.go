package attach

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"securepractice/internal/blob"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
)

// lookup says how long a stored object is, and whether there is one.
type lookup func(ctx context.Context, key string) (size int64, found bool, err error)

// symptoms says what is wrong with a file, as far as its rows and the lengths of its objects tell.
func (s *Service) symptoms(ctx context.Context, f examined, now time.Time, look lookup) ([]Finding, error) {
	switch f.state {
	case Gone, Aborted:
		return f.remains(), nil
	case Uploading:
		return f.abandoned(now), nil
	}
	if (f.state == Rejected || f.state == Infected) && len(f.dek) == 0 && len(f.parts) == 0 {
		return nil, nil // judged and shredded
	}
	found := f.standing(now)
	if f.state == Rejected && f.reason == reasonLost {
		return found, nil // its holders know; whether it has come back tells its reading
	}
	if text := s.rows(f); text != "" {
		return append(found, f.lost(text)), nil
	}
	for _, p := range f.parts {
		text, err := p.check(ctx, f, look)
		if err != nil {
			return nil, err
		}
		if text != "" {
			found = append(found, f.lost(text))
			break // one part is enough to lose a file
		}
	}
	return found, nil
}

func (f examined) finding(way mending, text string) Finding {
	return Finding{Text: "File " + f.id + " " + text, fileID: f.id, way: way}
}

// lost is a finding by which the file cannot be read. Only what people could open needs a mark; a file that is still to be
// checked is refused by its check.
func (f examined) lost(text string) Finding {
	way := noMending
	if f.state == Clean {
		way = toLose
	}
	return f.finding(way, fmt.Sprintf("%s Messages and drafts that hold it: %d.", text, f.links))
}

// remains are what a file that has ended should have no more.
func (f examined) remains() []Finding {
	if len(f.dek) > 0 || len(f.parts) > 0 {
		return []Finding{f.finding(toEnd, fmt.Sprintf("is %s, and still has %d parts or its key.", f.state, len(f.parts)))}
	}
	return nil
}

func (f examined) abandoned(now time.Time) []Finding {
	if f.activeAt < clock.Micros(now.Add(-grace-time.Hour)) {
		return []Finding{f.finding(toEnd, "is an upload that stands still since "+when(f.activeAt)+" and was not ended.")}
	}
	return nil
}

func when(micros int64) string { return clock.Time(micros).UTC().Format("2006-01-02 15:04 UTC") }

// standing finds checks that stand still, and files that nobody holds.
func (f examined) standing(now time.Time) []Finding {
	var found []Finding
	late := clock.Micros(now.Add(-stuckFor))
	waits := f.state == Uploaded || f.state == Checking || f.state == Scanning
	switch {
	case waits && f.leaseUntil > 0 && f.leaseUntil < late:
		found = append(found, f.finding(toRecheck, "is "+f.state+" by a worker that ended before "+when(f.leaseUntil)+"."))
	case waits && f.leaseUntil == 0 && f.nextTry < late:
		found = append(found, f.finding(toRecheck, "should have been checked at "+when(f.nextTry)+" and was not."))
	}
	if f.links == 0 {
		found = append(found, f.finding(noMending, "is "+f.state+", and no message or draft holds it."))
	}
	return found
}

// rows finds what the file's own rows tell: its size, its key, the numbers and lengths of its parts.
func (s *Service) rows(f examined) string {
	switch {
	case f.size <= 0 || f.partSize <= 0:
		return "has no size."
	case f.received != f.size:
		return fmt.Sprintf("has %d bytes and received %d.", f.size, f.received)
	case len(f.dek) == 0:
		return "has no key."
	}
	if _, err := s.keys.UnwrapFile(dekPlace(f.id, f.size), f.dek); errors.Is(err, crypt.ErrSealed) {
		return "has a key that does not open: it or the file's size was changed."
	}
	want := (f.size + f.partSize - 1) / f.partSize
	if int64(len(f.parts)) != want {
		return fmt.Sprintf("has %d parts, its size demands %d.", len(f.parts), want)
	}
	for i, p := range f.parts {
		if p.idx != int64(i) {
			return fmt.Sprintf("has no part %d of %d.", i, want)
		}
		if p.size != f.partLen(p.idx) {
			return fmt.Sprintf("has a part %d of %d bytes, its size demands %d.", i, p.size, f.partLen(p.idx))
		}
		if fileOfKey(p.key) != f.id {
			return fmt.Sprintf("has a part %d that is object %s of another file.", i, p.key)
		}
	}
	return ""
}

// partLen is how many plain bytes a part has.
func (f examined) partLen(idx int64) int64 { return min(f.partSize, f.size-idx*f.partSize) }

// check compares a part with its object.
func (p part) check(ctx context.Context, f examined, look lookup) (string, error) {
	size, found, err := look(ctx, p.key)
	switch {
	case err != nil:
		return "", err
	case !found:
		return fmt.Sprintf("has lost part %d of %d: there is no object %s.", p.idx, len(f.parts), p.key), nil
	case size != sealedLen(p.size):
		return fmt.Sprintf("has a part %d of %d that was cut or lengthened: object %s has %d bytes, not %d.", p.idx, len(f.parts), p.key, size, sealedLen(p.size)), nil
	}
	return "", nil
}

// sealedLen is how long a part of n plain bytes is when it is sealed: a header, and a tag for each segment. The header
// takes its place in the first segment.
func sealedLen(n int64) int64 {
	const header, tag = 1 + dekLen + 7, 16
	const plain = segment - tag
	segments := max((n+header+plain-1)/plain, 1)
	return header + n + segments*tag
}

// read reads a whole file and compares it with what was received.
func (x *exam) read(ctx context.Context, f examined) ([]Finding, error) {
	lost := f.state == Rejected && f.reason == reasonLost
	if f.state != Clean && f.state != Uploaded && !lost {
		return nil, nil
	}
	err := x.s.prove(ctx, f)
	switch {
	case err == nil && lost:
		return []Finding{f.finding(toRefind, "was marked as lost and is whole.")}, nil
	case err == nil || lost:
		return nil, nil
	case !errors.Is(err, ErrDamaged) && !errors.Is(err, crypt.ErrSealed) && !errors.Is(err, blob.ErrNotFound):
		return nil, err
	}
	again, there, findErr := findExamined(ctx, x.s.d, f.id)
	if findErr != nil || !there || again.version != f.version {
		return nil, findErr // it changed while it was read
	}
	return []Finding{f.lost("is not what was received: " + err.Error() + ".")}, nil
}

func (s *Service) prove(ctx context.Context, f examined) error {
	want, err := s.keys.System().Open("attach_file", "sha256_sealed", f.id, f.sumSealed)
	if err != nil {
		return fmt.Errorf("open the checksum: %w", err)
	}
	r, err := s.openFile(ctx, f.file)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return fmt.Errorf("compare with the checksum: %w", ErrDamaged)
	}
	return nil
}
