//go:build !race

package preview

const raced = false
