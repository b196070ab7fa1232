package attach

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
)

// cleanup is how long tidying after a failed upload may take; what it misses is collected a day later.
const cleanup = 10 * time.Second

// upload is one file on its way in.
type upload struct {
	s      *Service
	by     actor.Actor
	holder string
	name   string
	ext    string
	in     *bufio.Reader
	left   int64 // what may still come for this holder, as known at the start; the end decides anew
	owner  *crypt.Owner
	id     string
	dek    []byte
	cipher *subtle.AESGCMHKDF
	sum    hash.Hash
	size   int64
	parts  []part // stored, in order
	saved  int    // of these, how many have their row
	begun  int64  // its place among the others, when that was given at its beginning
}

// Receive takes in one file, seals and stores it, and attaches it to its holder. It answers only when everything is
// durable; the check that follows is a job of the same commit. Whatever goes wrong, nothing is attached. Refusals stand
// on the field "attachments" in the order and words of PAGES.md 5.8. The caller has checked that the actor may add
// to the holder.
func (s *Service) Receive(ctx context.Context, by actor.Actor, in In) (File, error) {
	u, err := s.begin(ctx, by, in)
	if err != nil {
		return File{}, err
	}
	release, err := s.takeSlot(ctx)
	if err != nil {
		return File{}, err
	}
	defer release()
	f, err := u.run(ctx)
	if err != nil {
		// The collector finds in a day what cannot be tidied now, so its failure adds nothing for the person.
		return File{}, errors.Join(err, u.abandon(ctx))
	}
	return f, nil
}

// begin checks what can be known before the content: emptiness, type, name, room left.
func (s *Service) begin(ctx context.Context, by actor.Actor, in In) (*upload, error) {
	name, err := cleanName(in.Name)
	if err != nil {
		return nil, err
	}
	u := &upload{s: s, by: by, holder: in.Holder, name: name, ext: extension(name), in: bufio.NewReaderSize(in.Body, segment)}
	if _, err := u.in.Peek(1); errors.Is(err, io.EOF) {
		return nil, emptyFault(name)
	} else if err != nil {
		return nil, u.cut(err)
	}
	if !s.accepts(u.ext) {
		return nil, typeFault(name)
	}
	h, err := readHeld(ctx, s.d, in.Holder, s.nameMAC(in.Holder, name))
	if err != nil {
		return nil, fmt.Errorf("look at what is attached: %w", err)
	}
	if err := s.refusal(h, name, 1); err != nil {
		return nil, err
	}
	if u.left = min(in.Left, s.set.MaxTotal-h.size); u.left <= 0 {
		return nil, s.tooLargeFault(name, u.left)
	}
	return u, u.makeKey(ctx)
}

// refusal says why a file of a size cannot join a holder; nil when it can.
func (s *Service) refusal(h held, name string, size int64) error {
	switch left := s.set.MaxTotal - h.size; {
	case h.closed:
		return closedFault()
	case h.double:
		return doubleFault(name)
	case size > left:
		return s.tooLargeFault(name, left)
	case h.files >= s.set.MaxFiles:
		return s.tooManyFault()
	}
	return nil
}

func (s *Service) nameMAC(holder, name string) []byte {
	return s.keys.MAC("attach_link.name_mac", holder, sameName(name))
}

func (u *upload) makeKey(ctx context.Context) (err error) {
	if u.owner, err = u.s.keys.Owner(ctx, u.s.d, u.by.OwnerID); err != nil {
		return fmt.Errorf("find the uploader's keys: %w", err)
	}
	u.id, u.dek, u.sum = db.NewID(), make([]byte, dekLen), sha256.New()
	if _, err = rand.Read(u.dek); err != nil {
		return fmt.Errorf("make a file key: %w", err)
	}
	u.cipher, err = newCipher(u.dek)
	return err
}

// takeSlot waits for one of the places that bound the memory of uploads.
func (s *Service) takeSlot(ctx context.Context) (release func(), err error) {
	wait := time.NewTimer(s.set.Wait)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-wait.C:
		return nil, busyFault()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// cut is the answer when the sender's bytes end early. A refusal by the reader itself (a body beyond the server's
// own limit) is passed on as it is.
func (u *upload) cut(err error) error {
	if fault.From(err).Kind != fault.Unknown {
		return err
	}
	return failedFault(u.name)
}

// run stores part after part; each is durable before its row says so, and the last brings everything else with it.
func (u *upload) run(ctx context.Context) (File, error) {
	buf, ok := u.s.buffers.Get().(*bytes.Buffer)
	if !ok {
		return File{}, errors.New("attach: the pool of buffers holds something else")
	}
	defer u.s.buffers.Put(buf)
	for {
		last, err := u.next(ctx, buf)
		if err != nil {
			return File{}, err
		}
		if last {
			return u.finish(ctx)
		}
		if err := u.save(ctx); err != nil {
			return File{}, err
		}
	}
}

// next reads, seals and stores one part.
func (u *upload) next(ctx context.Context, buf *bytes.Buffer) (last bool, err error) {
	idx := int64(len(u.parts))
	place := body{fileID: u.id, ownerID: u.by.OwnerID, partSize: partSize}.place(idx)
	n, err := sealPart(u.cipher, buf, place, io.LimitReader(u.in, min(partSize, u.left-u.size+1)), u.sum)
	if err != nil {
		return false, u.cut(err)
	}
	if u.size += n; u.size > u.left {
		return false, u.s.tooLargeFault(u.name, u.left)
	}
	if _, err := u.in.Peek(1); errors.Is(err, io.EOF) {
		last = true
	} else if err != nil {
		return false, u.cut(err)
	}
	p := part{idx: idx, size: n, key: partKey(u.id, idx)}
	u.parts = append(u.parts, p) // before Put: what a failed one may have left is put aside with the rest
	if err := u.s.blobs.Put(ctx, p.key, buf.Bytes()); err != nil {
		return false, fmt.Errorf("store part %d: %w", idx, err)
	}
	return last, nil
}

// row is the file as its row is to be after what has been stored; complete when its size is known.
func (u *upload) row(complete bool) (file, error) {
	f := file{id: u.id, userID: u.by.ID, ownerID: u.by.OwnerID, state: Uploading, ext: u.ext, partSize: partSize,
		received: u.size, version: int64(u.saved)}
	var err error
	size := int64(-1)
	if complete {
		f.state, f.size, size = Uploaded, u.size, u.size
		if f.sumSealed, err = u.s.keys.System().Seal("attach_file", "sha256_sealed", u.id, u.sum.Sum(nil)); err != nil {
			return f, fmt.Errorf("seal the checksum: %w", err)
		}
	}
	f.dek, f.kekID, err = u.s.keys.WrapFile(dekPlace(u.id, size), u.dek)
	return f, err
}

// store writes the row of the file and of its newest part.
func (u *upload) store(ctx context.Context, tx *db.Tx, f file) error {
	now := clock.Micros(u.s.clock.Now())
	if u.saved == 0 {
		if err := insertFile(ctx, tx, f, now); err != nil {
			return err
		}
	} else if ok, err := updateReceived(ctx, tx, f, now); err != nil {
		return err
	} else if !ok { // it lay still for a day and was collected
		return failedFault(u.name)
	}
	return insertPart(ctx, tx, f.id, u.parts[len(u.parts)-1])
}

// save commits a part that is not the last.
func (u *upload) save(ctx context.Context) error {
	f, err := u.row(false)
	if err != nil {
		return err
	}
	err = u.s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error { return u.store(ctx, tx, f) })
	if err != nil {
		return fmt.Errorf("note a stored part: %w", err)
	}
	u.saved++
	return nil
}

// finish commits the last part, the link, the audit line and the job, if the holder still has room.
func (u *upload) finish(ctx context.Context) (File, error) {
	f, err := u.row(true)
	if err != nil {
		return File{}, err
	}
	return u.place(ctx, func(ctx context.Context, tx *db.Tx) error { return u.store(ctx, tx, f) })
}

// place attaches the file whose row store completes, in the same act.
func (u *upload) place(ctx context.Context, store func(ctx context.Context, tx *db.Tx) error) (File, error) {
	l, err := u.link()
	if err != nil {
		return File{}, err
	}
	err = u.s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		open, err := lockHolder(ctx, tx, u.holder)
		if err != nil {
			return err
		}
		h, err := readHeld(ctx, tx, u.holder, l.nameMAC)
		if err != nil {
			return err
		}
		h.closed = h.closed || !open
		if err := u.s.refusal(h, u.name, u.size); err != nil {
			return err
		}
		if err := store(ctx, tx); err != nil {
			return err
		}
		placed := l
		if placed.pos = u.begun; placed.pos == 0 {
			placed.pos = h.pos + 1
		}
		if err := saveLinks(ctx, tx, []link{placed}); err != nil {
			return err
		}
		return u.follow(ctx, tx)
	})
	if err != nil {
		return File{}, fmt.Errorf("attach the file: %w", err)
	}
	l.state = Uploaded
	return shown(l, u.name), nil
}

// follow records the upload and enqueues its check.
func (u *upload) follow(ctx context.Context, tx *db.Tx) error {
	err := u.s.audit.Record(ctx, tx, u.by, audit.Event{
		Action: audit.FileUploaded, SubjectKind: "file", SubjectID: u.id,
		Detail: map[string]string{"size": strconv.FormatInt(u.size, 10)},
	})
	if err != nil {
		return err
	}
	return u.s.jobs.Enqueue(ctx, tx, CheckArgs{FileID: u.id})
}

// link seals the file's name and key for the uploader's owner.
func (u *upload) link() (link, error) {
	l := link{
		holder: u.holder, id: db.NewID(), sealedBy: sealerKind(u.owner), ext: u.ext, nameMAC: u.s.nameMAC(u.holder, u.name),
		body: body{fileID: u.id, ownerID: u.by.OwnerID, partSize: partSize, size: u.size},
	}
	err := l.seal(u.owner, u.name, u.dek)
	return l, err
}

// abandon puts aside what a failed upload stored. The caller's context may have ended with the connection.
func (u *upload) abandon(ctx context.Context) error {
	if len(u.parts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	keys := make([]string, len(u.parts))
	for i, p := range u.parts {
		keys[i] = p.key
	}
	now := clock.Micros(u.s.clock.Now())
	return u.s.d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := abortFile(ctx, tx, u.id); err != nil {
			return err
		}
		if err := trashParts(ctx, tx, []string{u.id}, now); err != nil {
			return err
		}
		return insertTrash(ctx, tx, keys, now)
	})
}
