package mail_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"securepractice/internal/db/dbtest"
)

// BenchmarkSearch measures a rare and a common word in a mailbox of 100,000 messages, warm, by one client, and the
// index's size.
func BenchmarkSearch(b *testing.B) {
	const messages = 100_000
	for engine, open := range map[string]func(testing.TB) *world{
		"sqlite":   func(t testing.TB) *world { return newWorld(t, dbtest.SQLite(t)) },
		"postgres": func(t testing.TB) *world { return newWorld(t, dbtest.Postgres(t)) },
	} {
		b.Run(engine, func(b *testing.B) {
			w := open(b)
			w.library(messages)
			begin := time.Now()
			w.find("santos", "zero")
			b.Logf("first search, nothing indexed: %v", time.Since(begin))
			begin = time.Now()
			for w.count("SELECT COUNT(*) FROM mail_delivery WHERE user_id = 'u-santos' AND n IS NULL") >= 256 {
				must(b, w.KeepIndexes(b.Context()))
			}
			b.Logf("indexed in %v", time.Since(begin))
			size := w.count("SELECT SUM(LENGTH(dict_sealed)) FROM mail_search") + w.count("SELECT SUM(LENGTH(postings_sealed)) FROM mail_search_block")
			for name, words := range map[string]string{"rare": "rare0054321", "common": "patient", "two": "patient rare00", "none": "zzzz"} {
				b.Run(name, func(b *testing.B) {
					to := w.seek("santos", words)
					race(b, 1, func(int, int) error { return w.plainGet("santos", to) })
					b.ReportMetric(float64(size)/1e6, "MB-index")
				})
			}
		})
	}
}

// library gives santos messages of some 60 words, some of them common, one of its own each, in conversations of ten.
func (w *world) library(n int) {
	w.t.Helper()
	random := rand.New(rand.NewPCG(1, 2)) // the same mailbox each time
	zipf := rand.NewZipf(random, 1.1, 4, 20_000)
	for at := 0; at < n; at += 1000 {
		thread := w.send("dana", "santos@example.org", "Referral of a patient", "zero").ThreadID
		w.pile(thread, "dana", "santos", 1000, func(i int) string {
			var b strings.Builder
			fmt.Fprintf(&b, "rare%07d patient", at+i)
			for range 60 {
				fmt.Fprintf(&b, " w%x", zipf.Uint64())
			}
			return b.String()
		})
	}
}
