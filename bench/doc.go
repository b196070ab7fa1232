// Package bench measures what DESIGN promises, each figure beside the machine's own limit in the same run.
//
// Run it with `make bench`: it prints a table and writes var/bench.json. Ratios count, not absolutes.
package bench
