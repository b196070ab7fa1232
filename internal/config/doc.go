// Package config is everything an operator can set.
//
// A setting is given as a flag, as SECUREPRACTICE_… in the environment, or in a TOML file, in that order. A name that
// is not one of these is an error: a setting that is misspelled must not silently be the default. Secrets can be given
// as files.
package config
