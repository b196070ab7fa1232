//go:build bench

package bench

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"
)

var out = flag.String("out", "", "file for the figures as JSON")

// figure is one line of the table.
type figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Limit  float64 `json:"limit"`  // the machine's own, measured beside it; 0 = none
	Ratio  float64 `json:"ratio"`  // value / limit
	Budget string  `json:"budget"` // in DESIGN's words
	OK     bool    `json:"ok"`
}

var (
	mu      sync.Mutex
	figures []figure
)

// note keeps a figure whose ratio to the limit must reach least; least 0 = no such budget.
func note(name string, value float64, unit string, limit, least float64, budget string) {
	f := figure{Name: name, Value: value, Unit: unit, Limit: limit, Budget: budget, OK: true}
	if limit > 0 {
		f.Ratio = value / limit
		f.OK = least == 0 || f.Ratio >= least
	}
	keep(f)
}

// noteMost keeps a figure that must not be above most.
func noteMost(name string, value float64, unit string, most float64, budget string) {
	keep(figure{Name: name, Value: value, Unit: unit, Budget: budget, OK: value <= most})
}

func keep(f figure) {
	mu.Lock()
	defer mu.Unlock()
	figures = append(figures, f)
	fmt.Printf("%-52s %10.1f %s\n", f.Name, f.Value, f.Unit)
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nWHAT\tVALUE\tUNIT\tLIMIT\tRATIO\tBUDGET\tMET")
	for _, f := range figures {
		met := "yes"
		if !f.OK {
			met = "NO"
		}
		fmt.Fprintf(t, "%s\t%.1f\t%s\t%.1f\t%.2f\t%s\t%s\n", f.Name, f.Value, f.Unit, f.Limit, f.Ratio, f.Budget, met)
	}
	_ = t.Flush()
	if *out != "" {
		b, err := json.MarshalIndent(figures, "", "  ")
		if err == nil {
			err = os.WriteFile(*out, append(b, '\n'), 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// result of a closed loop.
type result struct {
	rate     float64 // acts a second
	p50, p99 float64 // ms
}

// loop lets clients act one after another for a while, each as fast as it is answered.
func loop(t *testing.T, clients int, span time.Duration, act func(client, n int) error) result {
	t.Helper()
	var all []time.Duration
	var lock sync.Mutex
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	begin := time.Now()
	for c := range clients {
		group.Go(func() {
			var mine []time.Duration
			for n := 0; time.Since(begin) < span && failed.Load() == nil; n++ {
				at := time.Now()
				if err := act(c, n); err != nil {
					failed.Store(&err)
					return
				}
				mine = append(mine, time.Since(at))
			}
			lock.Lock()
			all = append(all, mine...)
			lock.Unlock()
		})
	}
	group.Wait()
	took := time.Since(begin)
	if err := failed.Load(); err != nil {
		t.Fatal(*err)
	}
	slices.Sort(all)
	ms := func(q float64) float64 { return float64(all[int(q*float64(len(all)-1))].Microseconds()) / 1000 }
	return result{rate: float64(len(all)) / took.Seconds(), p50: ms(.5), p99: ms(.99)}
}
