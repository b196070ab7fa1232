package mail_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/mail"
)

// forms are the ways in which a word could stand somewhere by mistake.
func forms(word string) []string {
	var list []string
	for _, f := range []string{word, norm.NFD.String(word), norm.NFKC.String(word), strings.ToUpper(word), strings.ToLower(word), strings.ToUpper(norm.NFD.String(word)), bare(word)} {
		list = append(list, f, hex.EncodeToString([]byte(f)), strings.ToUpper(hex.EncodeToString([]byte(f))))
		for skip := range 3 { // base64 looks different at each of three places
			b := base64.StdEncoding.EncodeToString(append(make([]byte, skip), f...))
			list = append(list, b[4:len(b)-4], base64.URLEncoding.EncodeToString(append(make([]byte, skip), f...))[4:len(b)-4])
		}
	}
	return list
}

// bare is a word as the index compares it.
func bare(word string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 0x300 && r < 0x370 {
			return -1
		}
		return r
	}, norm.NFKD.String(word)))
}

// dump is everything that all tables hold, with bytes as they are.
func dump(t *testing.T, d *db.DB) string {
	t.Helper()
	if !d.Postgres() {
		var all strings.Builder
		names, err := filepath.Glob(databaseFile(t, d) + "*")
		must(t, err)
		for _, name := range names {
			b, err := os.ReadFile(name)
			must(t, err)
			all.Write(b)
		}
		return all.String()
	}
	tables, err := db.All(t.Context(), d, db.Scan1[string], "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
	must(t, err)
	var all strings.Builder
	for _, table := range tables {
		rows, err := db.All(t.Context(), d, db.Scan1[string], `SELECT CAST(x AS TEXT) FROM "`+table+`" x`)
		must(t, err)
		for _, row := range rows {
			all.WriteString(row + "\n") // bytea as \x6869, which the forms in hex find
		}
	}
	return all.String()
}

// TestIndexHoldsNoWordInClear plants words in every place that is indexed, indexes, merges and searches them, and looks for
// them in all tables.
func TestIndexHoldsNoWordInClear(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		words := []string{"plantedsubject", "Quokkaübung", "plantedfile", "plantedbody"}
		id := w.draftWith("dana", "", words[2]+".pdf", pdf("a"))
		sent, err := w.Send(t.Context(), w.people["dana"], mail.Compose{DraftID: id, To: "santos@example.org", Subject: words[0], Body: words[1]})
		must(t, err)
		w.work()
		w.pile(sent.ThreadID, "dana", "santos", 16*256, func(i int) string { return fmt.Sprintf("%s %s number%d", words[3], words[1], i) })
		for _, word := range append(words, "quokkaubung") {
			w.find("santos", word)
		}
		w.work()
		for _, word := range words {
			if p := w.find("santos", word); len(p.hits()) == 0 {
				t.Fatalf("%s is not found", word)
			}
		}
		w.want(1, "SELECT COUNT(*) FROM mail_search WHERE count = 4096")
		all := dump(t, d)
		if !strings.Contains(all, "Eastlake") {
			t.Fatal("the dump does not even hold what is in clear")
		}
		for _, word := range words {
			for _, form := range forms(word) {
				if strings.Contains(all, form) {
					t.Errorf("%q stands in clear as %q", word, form)
				}
			}
		}
	})
}
