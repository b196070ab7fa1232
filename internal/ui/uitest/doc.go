// Package uitest shows every component and page frame of package ui with made-up people, for tests alone: they render
// it, check it by selector, look for hostile text, and open it in a browser at several widths.
package uitest
