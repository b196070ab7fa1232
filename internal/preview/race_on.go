//go:build race

package preview

// raced: the race detector maps more addresses than any limit of memory allows. Only tests are built so.
const raced = true
