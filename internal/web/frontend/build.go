package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// Build gives the contents of the built files by name.
func Build(dir string) (map[string][]byte, error) {
	three, err := filepath.Abs(dir + "/three/three.module.js")
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, entry := range []string{"app.css", "legacy.css", "app.js", "passkey.js", "sum.js", "viewer.css", "picture.js", "dicom.js", "model.js"} {
		r := api.Build(api.BuildOptions{
			EntryPoints: []string{dir + "/" + entry}, Bundle: true, Write: false, Format: api.FormatESModule,
			Alias:            map[string]string{"three": three}, // the 3-D library, kept beside the sources
			External:         []string{"/static/*"},             // fonts, named by their hash when the program starts
			MinifyWhitespace: true, MinifySyntax: true, MinifyIdentifiers: true, LegalComments: api.LegalCommentsNone,
			Target:  api.ES2021,
			Engines: []api.Engine{{Name: api.EngineSafari, Version: "15.4"}, {Name: api.EngineIOS, Version: "15.4"}, {Name: api.EngineChrome, Version: "105"}, {Name: api.EngineFirefox, Version: "110"}},
		})
		if err := problems(append(r.Errors, r.Warnings...)); err != nil {
			return nil, fmt.Errorf("build %s: %w", entry, err)
		}
		out[entry] = r.OutputFiles[0].Contents
	}
	return out, nil
}

func problems(list []api.Message) error {
	var all []error
	for _, m := range list {
		at := ""
		if m.Location != nil {
			at = fmt.Sprintf("%s:%d: ", m.Location.File, m.Location.Line)
		}
		all = append(all, errors.New(at+m.Text))
	}
	return errors.Join(all...)
}
