package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
	"securepractice/internal/jobs"
)

// BenchmarkEnqueue measures acts of one row and one job, with the jobs being run meanwhile.
func BenchmarkEnqueue(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *db.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		for _, authors := range []int{1, 8, 32} {
			b.Run(fmt.Sprintf("%s/authors=%d", name, authors), func(b *testing.B) {
				d := open(b)
				c := jobs.New(d, slog.New(slog.DiscardHandler))
				jobs.Handle(c, jobs.Work{}, func(context.Context, countArgs) error { return nil })
				if err := c.Start(b.Context()); err != nil {
					b.Fatal(err)
				}
				var n atomic.Int64
				var all sync.WaitGroup
				b.ResetTimer()
				for range authors {
					all.Go(func() {
						for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
							err := d.InTx(b.Context(), func(ctx context.Context, tx *db.Tx) error {
								_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, $2, 1)", []byte("k"), i)
								if err != nil {
									return err
								}
								return c.Enqueue(ctx, tx, countArgs{N: i})
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
				if err := c.Wait(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
				b.StopTimer()
				if err := c.Stop(context.Background()); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
