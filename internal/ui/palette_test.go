package ui_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// palette reads the custom properties of one block of the style sheet.
func palette(t *testing.T, css, block string) map[string]string {
	t.Helper()
	i := strings.Index(css, block)
	if i < 0 {
		t.Fatalf("no block %q", block)
	}
	rest := css[i+len(block):]
	colours := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{3,6})\b`).FindAllStringSubmatch(rest[:strings.Index(rest, "}")], -1) {
		colours[m[1]] = m[2]
	}
	return colours
}

func channel(hex string) float64 {
	v, err := strconv.ParseUint(hex, 16, 8)
	if err != nil {
		return math.NaN()
	}
	c := float64(v) / 255
	if c <= .04045 {
		return c / 12.92
	}
	return math.Pow((c+.055)/1.055, 2.4)
}

// luminance follows WCAG 2.2.
func luminance(hex string) float64 {
	hex = strings.TrimPrefix(hex, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	return .2126*channel(hex[0:2]) + .7152*channel(hex[2:4]) + .0722*channel(hex[4:6])
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	if x < y {
		x, y = y, x
	}
	return (x + .05) / (y + .05)
}

// TestPalette holds every pair of colours that text or a control's edge stands on, in light and dark.
func TestPalette(t *testing.T) {
	b, err := os.ReadFile("../web/frontend/app.css")
	if err != nil {
		t.Fatal(err)
	}
	css := string(b)
	light := palette(t, css, ":root {")
	dark := map[string]string{}
	for k, v := range light {
		dark[k] = v
	}
	chosen, system := palette(t, css, ":root[data-theme=dark] {"), palette(t, css, ":root:not([data-theme=light]) {")
	for k, v := range chosen {
		dark[k] = v
		if system[k] != v {
			t.Errorf("dark --%s is %s when chosen, %s when the system asks", k, v, system[k])
		}
	}
	const text, edge = 4.5, 3
	pairs := []struct {
		fore, back string
		want       float64
	}{
		{"ink", "surface", 7}, {"ink", "page", 7}, {"ink", "sunken", 7}, {"ink", "sel", 7}, {"ink", "raised", 7}, {"ink", "info-bg", 7}, {"ink", "warn-bg", 7},
		{"muted", "surface", 7}, {"muted", "page", 6.5}, {"muted", "sel", text}, {"muted", "sunken", text}, {"muted", "raised", text},
		{"faint", "surface", text}, {"faint", "sel", text},
		{"edge", "surface", edge}, {"edge", "page", edge},
		{"bar-ink", "bar", 7}, {"bar-ink", "bar-soft", text}, {"bar-ink", "console", 7}, {"bar-ink", "console-soft", text},
		{"btn-ink", "btn", 7}, {"btn-ink", "btn-hover", 7}, {"link", "surface", text}, {"link", "page", text}, {"link", "sunken", text}, {"link", "sel", text},
		{"danger", "surface", text}, {"danger", "danger-bg", text}, {"danger", "page", text}, {"warn", "surface", text}, {"warn", "warn-bg", text},
		{"ok", "surface", text}, {"ok", "ok-bg", text}, {"ok", "page", text}, {"info", "info-bg", text},
		{"flag", "bar", edge}, {"flag", "focus-outer", edge},
	}
	for name, colours := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, p := range pairs {
			if got := contrast(colours[p.fore], colours[p.back]); !(got >= p.want) {
				t.Errorf("%s: %s on %s is %.2f, needs %.1f", name, p.fore, p.back, got, p.want)
			}
		}
		for i := 1; i <= 8; i++ {
			if got := contrast("#fff", colours["t"+strconv.Itoa(i)]); !(got >= 6) {
				t.Errorf("%s: white on tab %d is %.2f", name, i, got)
			}
		}
		if got := contrast("#14211d", colours["flag"]); !(got >= 7) {
			t.Errorf("%s: count on flag is %.2f", name, got)
		}
	}
}
