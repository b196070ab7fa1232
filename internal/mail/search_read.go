package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"securepractice/internal/crypt"
)

// contents opens messages as the index reads them, in a fixed number of statements beside the names of files.
func (s *Service) contents(ctx context.Context, list []found) ([]content, error) {
	names, err := s.peopleOf(ctx, list)
	if err != nil {
		return nil, err
	}
	keys := map[string]*crypt.Thread{}
	texts := make([]content, len(list))
	for i := range list {
		f := &list[i]
		if texts[i], err = s.openFound(ctx, f, keys); err != nil {
			return nil, err
		}
		texts[i].people = append(names[f.id], f.other.Name, f.other.Org)
	}
	return texts, s.nameFiles(ctx, list, keys, texts)
}

// openFound opens one message with its thread's key. What does not open has no words: a search must not end at it.
func (s *Service) openFound(ctx context.Context, f *found, keys map[string]*crypt.Thread) (content, error) {
	f.snippetSealed = nil // the text itself is read
	err := s.openMember(ctx, s.o.DB, &f.member)
	if err == nil && keys[f.threadID] == nil {
		keys[f.threadID], err = s.unwrap(ctx, s.o.DB, f.threadID, f.ownerID, f.wrapped)
	}
	c := content{subject: f.subject}
	if err == nil {
		c.body, err = openBody(keys[f.threadID], f.id, f.sealed)
	}
	if errors.Is(err, crypt.ErrSealed) {
		err = nil
	}
	return c, err
}

// peopleOf names who wrote each message and who else has it, with their practices.
func (s *Service) peopleOf(ctx context.Context, list []found) (map[string][]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids := make([]string, len(list))
	me := list[0].userID
	for i, f := range list {
		ids[i] = f.id
	}
	all, err := listPeople(ctx, s.o.DB, ids)
	if err != nil {
		return nil, fmt.Errorf("read who has messages: %w", err)
	}
	var people []string
	for _, w := range all {
		if w.userID != me && !slices.Contains(people, w.userID) {
			people = append(people, w.userID)
		}
	}
	cards, err := s.o.Account.Cards(ctx, s.o.DB, people)
	if err != nil {
		return nil, err
	}
	names := map[string][]string{}
	for _, w := range all {
		if c, ok := cards[w.userID]; ok && w.userID != me {
			names[w.messageID] = append(names[w.messageID], c.Name, partyOf(c).Org)
		}
	}
	return names, nil
}

// nameFiles adds the names of attachments, thread by thread: each has its own key.
func (s *Service) nameFiles(ctx context.Context, list []found, keys map[string]*crypt.Thread, texts []content) error {
	holders := map[string][]string{}
	for _, f := range list {
		if f.files > 0 && keys[f.threadID] != nil {
			holders[f.threadID] = append(holders[f.threadID], holder(f.id))
		}
	}
	for threadID, of := range holders {
		files, err := s.o.Attach.ListMany(ctx, s.o.DB, of, keys[threadID])
		if errors.Is(err, crypt.ErrSealed) {
			continue
		}
		if err != nil {
			return err
		}
		for i, f := range list {
			for _, file := range files[holder(f.id)] {
				texts[i].files = append(texts[i].files, file.Name)
			}
		}
	}
	return nil
}

// openedSegment is a segment that a search reads: its dictionary, and of its lists the blocks that were needed.
type openedSegment struct {
	s      *Service
	g      segment
	owner  *crypt.Owner
	dict   *dictionary
	blocks map[int][]byte
}

// errMoved says that a segment is there no more: it was merged or is being rebuilt. Whoever reads begins again.
var errMoved = errors.New("mail: a part of the search index has moved")

// openSegment opens a segment's dictionary.
func (s *Service) openSegment(ctx context.Context, g segment) (*openedSegment, error) {
	o := &openedSegment{s: s, g: g, blocks: map[int][]byte{}}
	sealed, found, err := findDictionary(ctx, s.o.DB, g)
	if err != nil {
		return nil, fmt.Errorf("read an index: %w", err)
	}
	if !found {
		return nil, errMoved
	}
	if o.owner, err = s.o.Keys.Owner(ctx, s.o.DB, g.ownerID); err != nil {
		return nil, broken(err)
	}
	plain, err := o.owner.Open("mail_search", "dict_sealed", g.place(), sealed)
	if err != nil {
		return nil, broken(err)
	}
	o.dict, err = openDictionary(plain)
	return o, err
}

// broken turns the loss of a key or a seal into damage, which a new index mends.
func broken(err error) error {
	if errors.Is(err, crypt.ErrSealed) || errors.Is(err, crypt.ErrNoOwner) {
		return errDamaged
	}
	return err
}

// bytes are a part of the lists; blocks that were not read yet are read.
func (o *openedSegment) bytes(ctx context.Context, part span) ([]byte, error) {
	from, to := part.at/blockSize, (part.at+part.size-1)/blockSize
	var list []byte
	for no := from; no <= to; no++ {
		if o.blocks[no] == nil {
			if err := o.read(ctx, no, to); err != nil {
				return nil, err
			}
		}
		list = append(list, o.blocks[no]...)
	}
	begin := part.at - from*blockSize
	if begin+part.size > len(list) {
		return nil, errDamaged
	}
	return list[begin : begin+part.size], nil
}

// read reads neighbouring blocks.
func (o *openedSegment) read(ctx context.Context, from, to int) error {
	list, err := listBlocks(ctx, o.s.o.DB, o.g, int64(from), int64(to))
	if err != nil {
		return fmt.Errorf("read an index: %w", err)
	}
	if len(list) != to-from+1 {
		return errMoved
	}
	for _, b := range list {
		plain, err := o.owner.Open("mail_search_block", "postings_sealed", o.g.blockPlace(b.no), b.sealed)
		if err != nil {
			return broken(err)
		}
		o.blocks[int(b.no)] = plain
	}
	return nil
}

// have lists the numbers of the messages that have all the words, the newest first, below a number.
func (o *openedSegment) have(ctx context.Context, all []sought, below int64) ([]int64, error) {
	var left []bool
	for _, w := range all {
		with, err := o.with(ctx, w)
		if err != nil {
			return nil, err
		}
		for i := range left {
			with[i] = with[i] && left[i]
		}
		left = with
	}
	var ns []int64
	for i, hit := range slices.Backward(left) {
		if n := o.g.from + int64(i); hit && n < below {
			ns = append(ns, n)
		}
	}
	return ns, nil
}

// with says of each message whether it has a word, or one that begins so.
func (o *openedSegment) with(ctx context.Context, w sought) ([]bool, error) {
	hits := make([]bool, o.g.count)
	for _, key := range w.marks() {
		spans, err := o.dict.find([]byte(key))
		if err != nil || len(spans) == 0 {
			if err != nil {
				return nil, err
			}
			continue
		}
		last := spans[len(spans)-1]
		lists, err := o.bytes(ctx, span{spans[0].at, last.at + last.size - spans[0].at})
		if err != nil {
			return nil, err
		}
		for _, p := range spans {
			list := lists[p.at-spans[0].at:][:p.size]
			if err := readList(list, len(hits), func(place int) { hits[place] = true }); err != nil {
				return nil, err
			}
		}
	}
	return hits, nil
}
