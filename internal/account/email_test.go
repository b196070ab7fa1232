package account_test

import (
	"strings"
	"testing"

	"securepractice/internal/account"
)

func TestCanonEmail(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"ann@x.example", "ann@x.example"}, {" Ann.Lee@X.Example\n", "ann.lee@x.example"}, {"ann+mail@x.example", "ann+mail@x.example"}, {"o'neil@x.example", "o'neil@x.example"},
		{"zoe@BÜCHER.example", "zoe@xn--bcher-kva.example"}, {"zoe\u0308@x.example", "zoë@x.example"}, {"a@sub.x.example", "a@sub.x.example"},
		{strings.Repeat("a", 64) + "@x.example", strings.Repeat("a", 64) + "@x.example"},
		{"", ""}, {"ann", ""}, {"@x.example", ""}, {"ann@", ""}, {"ann@x", ""}, {"ann@x.example.", ""}, {".ann@x.example", ""}, {"ann.@x.example", ""}, {"a..b@x.example", ""},
		{"a b@x.example", ""}, {"a@b@x.example", ""}, {`"a"@x.example`, ""}, {"<a@x.example>", ""}, {"a,b@x.example", ""}, {"a\r\nBcc:b@x.example", ""}, {"a\x00@x.example", ""},
		{"a\u200b@x.example", ""}, {"a\u202e@x.example", ""}, {"ann@x .example", ""}, {"ann@-x.example", ""}, {"ann@[127.0.0.1]", ""}, {"ann@x..example", ""}, {"ann@127.0.0.1", ""}, {"a@" + strings.Repeat("x", 64) + ".example", ""},
		{strings.Repeat("a", 65) + "@x.example", ""}, {"a@" + strings.Repeat("x.", 130) + "example", ""},
	} {
		got, ok := account.CanonEmail(c.typed)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q %v, want %q", c.typed, got, ok, c.want)
		}
	}
}

func FuzzCanonEmail(f *testing.F) {
	for _, s := range []string{"Ann.Lee@X.Example", "zoe@bücher.example", "a\u0308@x.example", "İ@x.example", "\xff@x.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		canon, ok := account.CanonEmail(typed)
		if !ok {
			return
		}
		if again, ok := account.CanonEmail(canon); !ok || again != canon {
			t.Fatalf("%q became %q, and that %q", typed, canon, again)
		}
		if len(canon) > 254 || strings.ContainsAny(canon, " \r\n\x00<>,;") || strings.Count(canon, "@") != 1 {
			t.Fatalf("%q became %q", typed, canon)
		}
	})
}

func TestMaskEmail(t *testing.T) {
	for in, want := range map[string]string{"robin@x.example": "r***@x.example", "é@x.example": "é***@x.example", "nonsense": "***", "": "***", "@x": "***"} {
		if got := account.MaskEmail(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
