package mail

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"securepractice/internal/actor"
	"securepractice/internal/audit"
	"securepractice/internal/clock"
	"securepractice/internal/crypt"
	"securepractice/internal/db"
	"securepractice/internal/fault"
	"securepractice/internal/limit"
)

// Limits of a search.
const (
	maxSearch     = 200     // characters of what is sought, and of a person's name
	mostSought    = 20      // words of both together
	mostLooked    = 8 * 200 // hits of the index that one page looks at; filters may let none of them through
	hitsAtOnce    = 200     // of them read by one statement
	searchRetries = 3       // when the index is merged under a search
)

// Search is what somebody seeks in their own mail, as typed. Since and Until are days such as 2026-11-23 in their own
// zone; Folder is "" for all but the trash.
type Search struct {
	Words  string `json:"q"`
	Folder string `json:"folder,omitempty"`
	Person string `json:"person,omitempty"`
	Since  string `json:"from,omitempty"`
	Until  string `json:"to,omitempty"`
	Files  bool   `json:"files,omitempty"`
	Unread bool   `json:"unread,omitempty"`
}

// query is a search that can be run.
type query struct {
	words   []sought
	texts   []string // the words themselves, for marking
	left    []string // what was typed and is too short to be a word
	sieve   sieve
	cursorN int64 // hits with a number are below this; 0 = from the newest
}

// read checks a search and takes it apart.
func (f Search) read(zone *time.Location) (query, error) {
	var q query
	var wrong fault.Fields
	q.take(&wrong, "q", f.Words, false)
	q.take(&wrong, "person", f.Person, true)
	if len(wrong) == 0 {
		checkWords(&wrong, q, f.Words)
	}
	q.sieve = sieve{folder: f.Folder, files: f.Files, unread: f.Unread}
	switch f.Folder {
	case "", Inbox, "sent", Archive, Trash:
	default:
		wrong.Add("folder", "Choose a folder")
	}
	q.sieve.since = day(&wrong, "from", f.Since, zone, 0)
	q.sieve.until = day(&wrong, "to", f.Until, zone, 1)
	if q.sieve.until > 0 && q.sieve.since >= q.sieve.until {
		wrong.Add("to", "Enter a last day that is not before the first")
	}
	return q, wrong.Err()
}

// take adds the words of a field.
func (q *query) take(wrong *fault.Fields, field, typed string, people bool) {
	if utf8.RuneCountInString(typed) > maxSearch {
		wrong.Add(field, searchLabel(field)+" must be "+strconv.Itoa(maxSearch)+" characters or fewer")
		return
	}
	for _, term := range strings.Fields(typed) {
		n := 0
		splitWords(term, func(t token) bool {
			n++
			q.words, q.texts = append(q.words, sought{t.word, people}), append(q.texts, t.word)
			if t.characters <= maxWord {
				return true
			}
			wrong.Add(field, "A word can have up to "+strconv.Itoa(maxWord)+" letters and digits. Enter the beginning of a longer one.")
			return false
		})
		if n == 0 {
			q.left = append(q.left, term)
		}
	}
}

// checkWords refuses a search with nothing to seek, or with too much.
func checkWords(wrong *fault.Fields, q query, typed string) {
	switch {
	case len(q.words) > mostSought:
		wrong.Add("q", "Search for up to "+strconv.Itoa(mostSought)+" words at a time")
	case len(q.words) > 0:
	case strings.TrimSpace(typed) == "":
		wrong.Add("q", "Enter what to search for")
	default:
		wrong.Add("q", "Enter at least "+strconv.Itoa(minWord)+" letters or digits of a word")
	}
}

// day is the moment a day begins, so many days later.
func day(wrong *fault.Fields, field, typed string, zone *time.Location, later int) int64 {
	if typed == "" {
		return 0
	}
	t, err := time.ParseInLocation(time.DateOnly, typed, zone)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		wrong.Add(field, "Enter a date such as 2026-11-23")
		return 0
	}
	return clock.Micros(t.AddDate(0, 0, later))
}

// hide makes of a search what may stand in an address: it opens for the same person alone.
func (s *Service) hide(ctx context.Context, by actor.Actor, f Search) (string, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("write a search: %w", err)
	}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return "", fmt.Errorf("find a searcher's keys: %w", err)
	}
	sealed, err := o.Seal("mail_search", "query", by.ID, plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// unhide is the search behind an address; false for what hide did not make for this person.
func (s *Service) unhide(ctx context.Context, by actor.Actor, hidden string) (f Search, ok bool, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(hidden)
	if err != nil || hidden == "" {
		return f, false, nil
	}
	o, err := s.o.Keys.Owner(ctx, s.o.DB, by.OwnerID)
	if err != nil {
		return f, false, fmt.Errorf("find a searcher's keys: %w", err)
	}
	plain, err := o.Open("mail_search", "query", by.ID, sealed)
	if errors.Is(err, crypt.ErrSealed) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	return f, json.Unmarshal(plain, &f) == nil, nil
}

// startSearch notes that somebody searches, has their mail indexed when enough of it is not, and gives the search's address.
func (s *Service) startSearch(ctx context.Context, by actor.Actor, f Search) (string, error) {
	if _, err := f.read(zoneOf(by)); err != nil {
		return "", err
	}
	hidden, err := s.hide(ctx, by, f)
	if err != nil {
		return "", err
	}
	return hidden, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		ok, err := s.o.Limit.Allow(ctx, tx, limit.Rule{Name: "mail searched", Max: s.set.SearchesPerMinute, Window: time.Minute}, by.ID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.TooMany, "You have searched very often. Wait a minute, then search again.")
		}
		if err := putSearched(ctx, tx, by.ID, s.now()); err != nil {
			return fmt.Errorf("note a search: %w", err)
		}
		n, err := countUnnumbered(ctx, tx, by.ID, s.now(), segmentSize)
		if err != nil {
			return fmt.Errorf("count what is not indexed: %w", err)
		}
		if n < segmentSize {
			return nil
		}
		return s.o.Jobs.Enqueue(ctx, tx, IndexArgs{UserID: by.ID})
	})
}

// zoneOf is the zone in which a person names days.
func zoneOf(by actor.Actor) *time.Location {
	if zone, err := time.LoadLocation(by.Zone); err == nil {
		return zone
	}
	return time.UTC
}

// hit is a message that was found, as the page shows it.
type hit struct {
	row
	folder                         string
	subject, name, org, text, file []piece
}

// results is one page of what was found.
type results struct {
	hits        []hit
	older       string   // where the next page begins; empty at the end
	left        []string // what was too short to be sought
	done, total int64    // messages that are indexed, of how many; only while there is much to be indexed
	rebuilding  bool     // the index was damaged and is built anew
}

// Search finds messages of the actor that have all the words, newest first, and records how many it shows. blind is a
// request that sees nothing, which leaves no trace.
func (s *Service) search(ctx context.Context, by actor.Actor, f Search, cursor string, blind bool) (results, error) {
	q, err := f.read(zoneOf(by))
	if err != nil {
		return results{}, err
	}
	s.placeOf(by, cursor, &q)
	r := results{left: q.left}
	list, texts, next, err := s.seek(ctx, by, q)
	if errors.Is(err, errDamaged) {
		r.rebuilding = true
		if err = s.rebuild(ctx, by.ID); err != nil && !errors.Is(err, errOvertaken) {
			return r, fmt.Errorf("rebuild an index: %w", err)
		}
		list, texts, err = s.seekFresh(ctx, by, q)
	}
	if err != nil {
		return r, err
	}
	r.older = next
	if len(list) > s.set.PageSize {
		list = list[:s.set.PageSize]
		r.older = s.place(by, list[len(list)-1])
	}
	for i, m := range list {
		r.hits = append(r.hits, m.hit(texts[m.id], q.texts))
		r.hits[i].unread = m.unread
	}
	if err := s.progress(ctx, by, &r); err != nil || blind {
		return r, err
	}
	return r, s.o.DB.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return s.o.Audit.Record(ctx, tx, by, audit.Event{Action: audit.MailSearched, SubjectKind: "user", SubjectID: by.ID, Detail: map[string]string{"hits": strconv.Itoa(len(r.hits))}})
	})
}

// progress says how much of a large mailbox is indexed while that goes on.
func (s *Service) progress(ctx context.Context, by actor.Actor, r *results) error {
	b, _, err := findBox(ctx, s.o.DB, by.ID)
	if err != nil {
		return fmt.Errorf("find an index: %w", err)
	}
	if b.clean == b.base {
		n, err := countUnnumbered(ctx, s.o.DB, by.ID, s.now(), mostFresh+1)
		if err != nil {
			return fmt.Errorf("count what is not indexed: %w", err)
		}
		if n <= mostFresh {
			return nil
		}
	}
	left, err := countLeft(ctx, s.o.DB, by.ID, b.base)
	if err != nil {
		return fmt.Errorf("count what is not indexed: %w", err)
	}
	r.done = b.next - b.base
	r.total = r.done + left
	return nil
}

// The two kinds of places where a page begins: after a message with a number, and after one without.
const numbered, unnumbered = "search n", "search"

func (s *Service) place(by actor.Actor, m found) string {
	if m.n >= 0 {
		return "n" + s.cursor(by, numbered, m.n, "n")
	}
	return s.cursor(by, unnumbered, m.at, m.id)
}

// placeOf sets where a page begins; a place that is not ours is the beginning.
func (s *Service) placeOf(by actor.Actor, cursor string, q *query) {
	q.cursorN = math.MaxInt64
	if rest, ok := strings.CutPrefix(cursor, "n"); ok {
		q.cursorN = s.spotOf(by, numbered, rest).at
		return
	}
	q.sieve.after = s.spotOf(by, unnumbered, cursor)
}

// seek finds a page of messages and one more, with what was read of them, and where to go on when it was cut short.
func (s *Service) seek(ctx context.Context, by actor.Actor, q query) (list []found, texts map[string]content, next string, err error) {
	for range searchRetries {
		if list, texts, err = s.seekFresh(ctx, by, q); err != nil {
			return nil, nil, "", err
		}
		list, next, err = s.seekIndex(ctx, by, q, list, texts)
		if !errors.Is(err, errMoved) {
			return list, texts, next, err
		}
	}
	return nil, nil, "", errDamaged // it did not move: parts of it are missing
}

// seekFresh reads the messages that have no number yet. They are read before the index: one that gets its number
// meanwhile is found twice rather than not at all.
func (s *Service) seekFresh(ctx context.Context, by actor.Actor, q query) ([]found, map[string]content, error) {
	texts := map[string]content{}
	if q.cursorN < math.MaxInt64 {
		return nil, texts, nil
	}
	all, err := listFresh(ctx, s.o.DB, by.ID, s.now(), q.sieve, mostFresh)
	if err != nil {
		return nil, nil, fmt.Errorf("read new messages: %w", err)
	}
	read, err := s.contents(ctx, all)
	if err != nil {
		return nil, nil, err
	}
	var list []found
	for i, c := range read {
		if c.meets(q.words) {
			list = append(list, all[i])
			texts[all[i].id] = c
		}
	}
	return list, texts, nil
}

// seekIndex adds what the index finds, segment by segment from the newest, until a page is full.
func (s *Service) seekIndex(ctx context.Context, by actor.Actor, q query, list []found, texts map[string]content) ([]found, string, error) {
	all, err := listSegments(ctx, s.o.DB, by.ID)
	if err != nil {
		return nil, "", fmt.Errorf("list an index: %w", err)
	}
	looked := 0
	for _, g := range all {
		if g.from >= q.cursorN {
			continue
		}
		o, err := s.openSegment(ctx, g)
		if err != nil {
			return nil, "", err
		}
		ns, err := o.have(ctx, q.words, q.cursorN)
		if err != nil {
			return nil, "", err
		}
		for len(ns) > 0 && len(list) <= s.set.PageSize {
			if looked >= mostLooked {
				return list, "n" + s.cursor(by, numbered, ns[0]+1, "n"), nil
			}
			some := ns[:min(hitsAtOnce, len(ns), max(2*(s.set.PageSize+1-len(list)), 10))]
			ns, looked = ns[len(some):], looked+len(some)
			if list, err = s.admitHits(ctx, by, q, some, list, texts); err != nil {
				return nil, "", err
			}
		}
		if len(list) > s.set.PageSize {
			break
		}
	}
	return list, "", nil
}

// admitHits reads what the index has found through the permission of each message.
func (s *Service) admitHits(ctx context.Context, by actor.Actor, q query, ns []int64, list []found, texts map[string]content) ([]found, error) {
	more, err := listHits(ctx, s.o.DB, by.ID, s.now(), q.sieve, ns)
	if err != nil {
		return nil, fmt.Errorf("read what was found: %w", err)
	}
	more = more[:min(len(more), s.set.PageSize+1-len(list))]
	keys := map[string]*crypt.Thread{}
	read := make([]content, len(more))
	for i := range more {
		if read[i], err = s.openFound(ctx, &more[i], keys); err != nil {
			return nil, err
		}
	}
	if err := s.nameFiles(ctx, more, keys, read); err != nil {
		return nil, err
	}
	for i, m := range more {
		if _, twice := texts[m.id]; !twice {
			list = append(list, m)
			texts[m.id] = read[i]
		}
	}
	return list, nil
}

// hit is a message as the list shows it, with the words marked.
func (m found) hit(c content, words []string) hit {
	h := hit{folder: m.folder, subject: marked(m.subject, words), name: marked(m.other.Name, words), org: marked(m.other.Org, words)}
	h.row = row{id: m.id, href: "/mail/t/" + m.threadID, other: m.other, at: clock.Time(m.at), files: m.files}
	if m.mine {
		h.folder = "sent"
	}
	text, inText := excerpt(c.body, words)
	h.text = text
	for _, name := range c.files {
		if p := marked(name, words); !inText && len(p) > 0 && (len(p) > 1 || p[0].hit) {
			h.file = p
			break
		}
	}
	return h
}
