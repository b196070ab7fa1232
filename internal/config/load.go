package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// Prefix begins the names of settings in the environment.
const Prefix = "SECUREPRACTICE_"

// File answers settings from a TOML file, for those that neither a flag nor the environment gives.
type File struct{ values map[string]any }

// ReadFile reads a TOML file of plain keys; their names are those of the flags with _ for -.
func ReadFile(path string) (*File, error) {
	f := &File{values: map[string]any{}}
	if path == "" {
		return f, nil
	}
	if _, err := toml.DecodeFile(path, &f.values); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return f, nil
}

// key is a flag's name in the file and, in capitals behind the prefix, in the environment.
func key(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

// testPrefix begins the names that the project's own tests read from the environment; they set nothing here.
const testPrefix = Prefix + "TEST_"

// Validate refuses keys that are no setting, in the file and in the environment, and names the nearest that is. A flag
// that has no name in the environment belongs to its command alone and is no setting.
func (f *File) Validate(app *kong.Application) error {
	known := map[string]bool{}
	collect(app.Node, known)
	var errs []error
	for _, k := range slices.Sorted(maps.Keys(f.values)) {
		if !known[k] || k == pathKey {
			errs = append(errs, fmt.Errorf("unknown setting %q in the file%s", k, hint(k, known)))
		}
	}
	for _, e := range slices.Sorted(slices.Values(os.Environ())) {
		name, _, _ := strings.Cut(e, "=")
		k, ok := strings.CutPrefix(name, Prefix)
		if ok && !known[strings.ToLower(k)] && !strings.HasPrefix(name, testPrefix) {
			errs = append(errs, fmt.Errorf("unknown setting %s in the environment%s", name, hint(strings.ToLower(k), known)))
		}
	}
	return errors.Join(errs...)
}

// pathKey is the setting that names the file, which cannot stand in it.
const pathKey = "config"

func collect(n *kong.Node, known map[string]bool) {
	for _, f := range n.Flags {
		if len(f.Envs) > 0 {
			known[key(f.Name)] = true
		}
	}
	for _, c := range n.Children {
		collect(c, known)
	}
}

// Resolve gives a setting its value from the file.
func (f *File) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if len(flag.Envs) == 0 {
		return nil, nil //nolint:nilnil // kong's way of saying "not from here"
	}
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil //nolint:nilnil // kong's way of saying "not from here"
		}
	}
	v, ok := f.values[key(flag.Name)]
	if !ok {
		return nil, nil //nolint:nilnil // kong's way of saying "not from here"
	}
	if list, ok := v.([]any); ok {
		words := make([]string, len(list))
		for i, w := range list {
			words[i] = fmt.Sprint(w)
		}
		return strings.Join(words, ","), nil
	}
	return fmt.Sprint(v), nil
}

// hint names the known setting nearest to a wrong one.
func hint(wrong string, known map[string]bool) string {
	best, at := "", 4 // more than three changes are no slip of the finger
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if d := distance(wrong, k); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is how many characters must be added, removed or changed to make a of b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
