package main

import (
	"bytes"
	"os"
	"testing"
)

// TestBuiltFilesAreCurrent fails when a source was changed without "go generate".
func TestBuiltFilesAreCurrent(t *testing.T) {
	built, err := Build(".")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range built {
		got, err := os.ReadFile("../static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not current: run go generate ./internal/web", name)
		}
	}
	if bytes.Contains(built["app.css"], []byte("&")) {
		t.Error("nesting is left in app.css; Safari 15.4 does not know it")
	}
}
