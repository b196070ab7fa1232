package db_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

const killEnv = "SECUREPRACTICE_TEST_KILL"

// TestMain turns the test binary into the process to be killed when asked to.
func TestMain(m *testing.M) {
	if url := os.Getenv(killEnv); url != "" {
		if err := writeUntilKilled(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeUntilKilled stores pairs of rows from eight goroutines and prints each pair's id once it has been answered.
func writeUntilKilled(url string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, url, db.Options{})
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for range 8 {
		all.Go(func() {
			for {
				id := db.NewID()
				err := d.InTx(ctx, func(ctx context.Context, tx *db.Tx) error {
					for half := range int64(2) {
						_, err := tx.Exec(ctx, "INSERT INTO limit_hit (key_mac, window_at, n) VALUES ($1, $2, 1)", []byte(id), half)
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					failed.Store(&err)
					return
				}
				fmt.Println(id)
			}
		})
	}
	all.Wait()
	return errors.Join(*failed.Load())
}

func TestKilledProcessLosesNothingThatWasAnswered(t *testing.T) {
	for name, url := range map[string]string{"sqlite": dbtest.SQLiteURL(t), "postgres": dbtest.PostgresURL(t)} {
		t.Run(name, func(t *testing.T) {
			answered := map[string]bool{}
			for range 20 {
				runAndKill(t, url, 1+rand.IntN(200), answered)
				checkPairs(t, url, answered)
			}
			t.Logf("%d answered acts, all there", len(answered))
		})
	}
}

// runAndKill starts a writer and kills it after it has answered n acts, with others on their way.
func runAndKill(t *testing.T, url string, n int, answered map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), killEnv+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewReader(out)
	for i := 0; ; i++ {
		if i == n {
			must(t, cmd.Process.Kill())
		}
		line, err := lines.ReadString('\n')
		if err != nil { // a line cut off by the kill was not answered
			break
		}
		answered[strings.TrimSpace(line)] = true
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the writer ended by itself: %v", err)
	}
}

func checkPairs(t *testing.T, url string, answered map[string]bool) {
	t.Helper()
	d, err := db.Open(t.Context(), url, db.Options{})
	must(t, err)
	defer d.Close()
	type pair struct {
		id    string
		count int64
	}
	pairs, err := db.All(t.Context(), d, func(row db.Row) (p pair, err error) {
		var id []byte
		err = row(&id, &p.count)
		p.id = string(id)
		return p, err
	}, "SELECT key_mac, COUNT(*) FROM limit_hit GROUP BY key_mac")
	must(t, err)
	there := map[string]bool{}
	for _, p := range pairs {
		there[p.id] = true
		if p.count != 2 {
			t.Errorf("act %s is stored by %d of 2 rows", p.id, p.count)
		}
	}
	for id := range answered {
		if !there[id] {
			t.Errorf("act %s was answered and is lost", id)
		}
	}
}
