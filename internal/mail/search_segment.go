package mail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sort"
)

// A segment is the index of some neighbouring messages of one person, in two parts that are sealed apart:
//
//	dictionary  the words, sorted and front-coded, each with the length of its list
//	blocks      the lists one after another, cut every 64 KiB: each message's place in the segment as the distance from
//	            the one before
//
// A word's list begins where the lists of the words before it end. Every 64th word is written in full, and a table says
// where, so that a word is found without reading the others.
const (
	blockSize      = 64 << 10
	groupSize      = 64
	segmentVersion = 1
	longestKey     = 1 + 4*maxWord*4 // a letter and a word; composing characters never makes it longer
)

// errDamaged says that a segment is not what was written. It is built anew then.
var errDamaged = errors.New("mail: a part of the search index is damaged")

// segmentWriter writes a segment; its words come in order.
type segmentWriter struct {
	entries, lists []byte
	table          []byte
	words          int
	entryAt        int // of the last group
	listAt         int
	last           []byte
}

// add writes a word with its messages, in order and each once.
func (w *segmentWriter) add(key []byte, places []int) {
	from := len(w.lists)
	before := -1
	for _, p := range places {
		w.lists = binary.AppendUvarint(w.lists, uint64(p-before)) //nolint:gosec // places grow
		before = p
	}
	shared := 0
	if w.words%groupSize == 0 {
		w.table = binary.AppendUvarint(w.table, uint64(len(w.entries)-w.entryAt)) //nolint:gosec // a length
		w.table = binary.AppendUvarint(w.table, uint64(from-w.listAt))            //nolint:gosec // a length
		w.entryAt, w.listAt = len(w.entries), from
	} else {
		for shared < min(len(key), len(w.last)) && key[shared] == w.last[shared] {
			shared++
		}
	}
	for _, n := range []int{shared, len(key) - shared, len(w.lists) - from} {
		w.entries = binary.AppendUvarint(w.entries, uint64(n)) //nolint:gosec // a length
	}
	w.entries = append(w.entries, key[shared:]...)
	w.last = append(w.last[:0], key...)
	w.words++
}

// dictionary and blocks are what was written.
func (w *segmentWriter) dictionary() []byte {
	d := []byte{segmentVersion}
	d = binary.AppendUvarint(d, uint64(w.words)) //nolint:gosec // a length
	d = binary.AppendUvarint(d, uint64(len(w.lists)))
	return append(append(d, w.table...), w.entries...)
}

func (w *segmentWriter) blocks() [][]byte { return slices.Collect(slices.Chunk(w.lists, blockSize)) }

// buildSegment indexes messages in their order.
func buildSegment(messages []content) *segmentWriter {
	all := map[string][]int{}
	for place, c := range messages {
		for key := range c.keys() {
			all[key] = append(all[key], place)
		}
	}
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	w := &segmentWriter{}
	for _, key := range keys {
		w.add([]byte(key), all[key])
	}
	return w
}

// dictionary is an opened one.
type dictionary struct {
	words, size int // size in bytes of all lists
	groups      []group
	entries     []byte
}

// group is where 64 words begin, and their lists.
type group struct{ entryAt, listAt int }

// numbers reads one after another; a number that cannot be is errDamaged.
type numbers struct{ b []byte }

func (r *numbers) next(most int) (int, error) {
	v, size := binary.Uvarint(r.b)
	if size <= 0 || v > uint64(most) { //nolint:gosec // most is a length
		return 0, errDamaged
	}
	r.b = r.b[size:]
	return int(v), nil //nolint:gosec // at most most
}

// mostLists bounds the bytes of a segment's lists: 65,536 messages of 2,000 words in three bytes each.
const mostLists = 65_536 * mostWords * 3

// openDictionary reads the table and trusts nothing of it.
func openDictionary(b []byte) (*dictionary, error) {
	if len(b) == 0 || b[0] != segmentVersion {
		return nil, errDamaged
	}
	r := numbers{b[1:]}
	d := &dictionary{}
	var err error
	if d.words, err = r.next(len(b)); err != nil {
		return nil, err
	}
	if d.size, err = r.next(mostLists); err != nil {
		return nil, err
	}
	d.groups = make([]group, (d.words+groupSize-1)/groupSize)
	var at group
	for i := range d.groups {
		entry, err := r.next(len(b))
		if err != nil {
			return nil, err
		}
		list, err := r.next(d.size)
		if err != nil {
			return nil, err
		}
		at.entryAt, at.listAt = at.entryAt+entry, at.listAt+list
		if at.listAt > d.size {
			return nil, errDamaged
		}
		d.groups[i] = at
	}
	d.entries = r.b
	if at.entryAt > len(d.entries) {
		return nil, errDamaged
	}
	return d, nil
}

// cursorAt walks the words from a group on.
func (d *dictionary) cursorAt(g int) *words {
	w := &words{d: d}
	if g < len(d.groups) {
		w.r = numbers{d.entries[d.groups[g].entryAt:]}
		w.at, w.left = d.groups[g].listAt, d.words-g*groupSize
	}
	return w
}

// words walks a dictionary: after next, key has its list at these bytes.
type words struct {
	d        *dictionary
	r        numbers
	left     int
	key      []byte
	at, size int
}

// next reads the next word; false at the end.
func (w *words) next() (bool, error) {
	if w.left == 0 {
		return false, nil
	}
	w.left--
	w.at += w.size
	shared, err := w.r.next(len(w.key))
	if err != nil {
		return false, err
	}
	more, err := w.r.next(longestKey - shared)
	if err != nil {
		return false, err
	}
	if w.size, err = w.r.next(w.d.size - w.at); err != nil {
		return false, err
	}
	if more > len(w.r.b) || w.size == 0 {
		return false, errDamaged
	}
	if len(w.key) > 0 && bytes.Compare(w.key[shared:], w.r.b[:more]) >= 0 {
		return false, errDamaged // out of order, or twice
	}
	w.key = append(w.key[:shared], w.r.b[:more]...)
	w.r.b = w.r.b[more:]
	return true, nil
}

// span is a word's list among the bytes of all.
type span struct{ at, size int }

// find lists the spans of all words that begin so.
func (d *dictionary) find(prefix []byte) ([]span, error) {
	var bad error
	g := sort.Search(len(d.groups), func(g int) bool {
		w := d.cursorAt(g)
		if _, err := w.next(); err != nil {
			bad = err
		}
		return bytes.Compare(w.key, prefix) >= 0
	})
	if bad != nil {
		return nil, bad
	}
	var list []span
	w := d.cursorAt(max(g-1, 0))
	for {
		more, err := w.next()
		if err != nil || !more {
			return list, err
		}
		if bytes.HasPrefix(w.key, prefix) {
			list = append(list, span{w.at, w.size})
		} else if bytes.Compare(w.key, prefix) > 0 {
			return list, nil
		}
	}
}

// readList gives each message's place of a list in a segment of so many messages.
func readList(b []byte, count int, fn func(place int)) error {
	r := numbers{b}
	for place := -1; len(r.b) > 0; {
		step, err := r.next(count)
		if err != nil {
			return err
		}
		place += step
		if step == 0 || place >= count {
			return errDamaged
		}
		fn(place)
	}
	return nil
}

// part is a segment that is merged: its dictionary, all its lists, and how many messages it has.
type part struct {
	dict  *dictionary
	lists []byte
	count int
}

// mergeSegments makes one segment of neighbours.
func mergeSegments(parts []part) (*segmentWriter, error) {
	m := merger{parts: parts, at: make([]*words, len(parts)), base: make([]int, len(parts))}
	from := 0
	for i, p := range parts {
		if len(p.lists) != p.dict.size {
			return nil, errDamaged
		}
		m.at[i], m.base[i] = p.dict.cursorAt(0), from
		from += p.count
		if err := m.step(i); err != nil {
			return nil, err
		}
	}
	for {
		key := m.least()
		if key == nil {
			return &m.out, nil
		}
		if err := m.take(key); err != nil {
			return nil, err
		}
	}
}

type merger struct {
	parts  []part
	at     []*words // nil at its end
	base   []int
	places []int
	out    segmentWriter
}

func (m *merger) step(i int) error {
	more, err := m.at[i].next()
	if !more {
		m.at[i] = nil
	}
	return err
}

// least is the first word in order that any part has next.
func (m *merger) least() []byte {
	var key []byte
	for _, w := range m.at {
		if w != nil && (key == nil || bytes.Compare(w.key, key) < 0) {
			key = w.key
		}
	}
	return slices.Clone(key)
}

// take writes a word with the lists of all parts that have it.
func (m *merger) take(key []byte) error {
	m.places = m.places[:0]
	for i, w := range m.at {
		if w == nil || !bytes.Equal(w.key, key) {
			continue
		}
		err := readList(m.parts[i].lists[w.at:w.at+w.size], m.parts[i].count, func(p int) { m.places = append(m.places, m.base[i]+p) })
		if err != nil {
			return err
		}
		if err := m.step(i); err != nil {
			return err
		}
	}
	m.out.add(key, m.places)
	return nil
}
