package db_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

const insertHit = "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, $2, 1)"

// BenchmarkAct measures acts of one and of five statements beside a bare loop of one-row inserts on the same engine. The
// test server of PostgreSQL does not sync; give a real one in SECUREPRACTICE_TEST_POSTGRES for figures that mean something.
func BenchmarkAct(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		open := dbtest.SQLite
		if engine == "postgres" {
			open = dbtest.Postgres
		}
		b.Run(engine+"/bare", func(b *testing.B) { bare(b, engine) })
		for _, statements := range []int{1, 5} {
			for _, authors := range []int{1, 8, 32} {
				b.Run(fmt.Sprintf("%s/statements=%d/authors=%d", engine, statements, authors), func(b *testing.B) {
					acts(b, open(b), statements, authors)
				})
			}
		}
	}
}

func acts(b *testing.B, d *db.DB, statements, authors int) {
	var n atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range authors {
		all.Go(func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					return
				}
				err := d.InTx(b.Context(), func(ctx context.Context, tx *db.Tx) error {
					for s := range statements {
						if _, err := tx.Exec(ctx, insertHit, fmt.Appendf(nil, "%d", s), i); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acts/s")
}

func bare(b *testing.B, engine string) {
	var exec func(i int) error
	if engine == "sqlite" {
		raw := dbtest.SQLite(b).Writer()
		exec = func(i int) error { _, err := raw.ExecContext(b.Context(), insertHit, []byte("k"), i); return err }
	} else {
		pool := dbtest.Postgres(b).Pool()
		exec = func(i int) error { _, err := pool.Exec(b.Context(), insertHit, []byte("k"), int64(i)); return err }
	}
	b.ResetTimer()
	for i := range b.N {
		if err := exec(i); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acts/s")
}

// BenchmarkRead measures one indexed read on the readers' pool.
func BenchmarkRead(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			open := dbtest.SQLite
			if engine == "postgres" {
				open = dbtest.Postgres
			}
			d := open(b)
			if err := d.InTx(b.Context(), func(ctx context.Context, tx *db.Tx) error { return put(ctx, tx, time.Now().UnixMicro()) }); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			for range b.N {
				_, found, err := db.One(b.Context(), d, db.Scan1[int64], "SELECT n FROM limit_hit WHERE key_mac = $1 AND window_at > $2 ORDER BY window_at LIMIT 1", []byte("k"), int64(0))
				if err != nil || !found {
					b.Fatal(found, err)
				}
			}
		})
	}
}
