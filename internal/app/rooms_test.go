package app

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ranks of the domain rooms: a room imports smaller numbers only.
var ranks = map[string]int{"audit": 1, "practice": 2, "verify": 3, "account": 4, "billing": 5, "invite": 6, "attach": 7, "mail": 8, "manage": 9, "support": 10, "home": 11, "app": 12}

// platform rooms in order: imports go to the left only.
var platform = []string{"actor", "fault", "clock", "config", "paper", "db", "crypt", "blob", "scan", "preview", "limit", "jobs", "notify", "ui", "web"}

// across are the rooms that may read other rooms' tables, though never what is sealed or hashed.
var across = []string{"manage", "support", "home"}

var (
	sqlText  = regexp.MustCompile(`(?s)\b(SELECT|INSERT|UPDATE|DELETE)\b.*\b(FROM|INTO|SET)\b`)
	sqlTable = regexp.MustCompile(`\b(?:FROM|JOIN|INTO|UPDATE)\s+([a-z]+)_[a-z_]+`)
	sqlWrite = regexp.MustCompile(`\b(?:INTO|UPDATE|DELETE FROM)\s+([a-z]+)_[a-z_]+`)
	sealed   = regexp.MustCompile(`\b[a-z_]+_(sealed|hash|mac)\b`)
)

// source is one Go file below internal.
type source struct {
	room, file string // "mail", "mail/store.go"
	text       string
}

// check lists what a file breaks of the rules of the house.
func (s source) check() (broken []string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, s.file, s.text, parser.ParseComments)
	if err != nil {
		return []string{s.file + ": " + err.Error()}
	}
	say := func(format string, args ...any) { broken = append(broken, s.file+": "+fmt.Sprintf(format, args...)) }
	base := filepath.Base(s.file)
	_, domain := ranks[s.room]
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if path == "net/http" && domain && s.room != "app" && !strings.HasPrefix(base, "http") && !strings.HasSuffix(base, "_client.go") && !strings.HasSuffix(base, "_templ.go") {
			say("net/http outside http*.go and *_client.go")
		}
		if other, ok := strings.CutPrefix(path, "securepractice/internal/"); ok {
			if why := upward(s.room, strings.Split(other, "/")[0]); why != "" {
				say("%s", why)
			}
		}
	}
	if strings.HasSuffix(base, "_templ.go") {
		return broken
	}
	if n := strings.Count(s.text, "\n"); n > 600 {
		say("%d lines, at most 600", n)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if lines := fset.Position(n.End()).Line - fset.Position(n.Pos()).Line; lines > 80 {
				say("%s has %d lines, at most 80", n.Name.Name, lines)
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING && domain && sqlText.MatchString(n.Value) {
				broken = append(broken, s.checkSQL(n.Value)...)
			}
		}
		return true
	})
	return broken
}

// checkSQL looks at one statement of a domain room.
func (s source) checkSQL(text string) (broken []string) {
	say := func(format string, args ...any) { broken = append(broken, s.file+": "+fmt.Sprintf(format, args...)) }
	if !strings.HasPrefix(filepath.Base(s.file), "store") {
		say("SQL outside store*.go")
	}
	tables := sqlTable
	if slices.Contains(across, s.room) {
		tables = sqlWrite
		if c := sealed.FindString(text); c != "" {
			say("reads %s", c)
		}
	}
	for _, m := range tables.FindAllStringSubmatch(text, -1) {
		if m[1] != s.room {
			say("a statement names a table of %s", m[1])
		}
	}
	return broken
}

// upward says why a room may not import another, or "".
func upward(room, other string) string {
	if room == other {
		return ""
	}
	rank, domain := ranks[room]
	otherRank, otherDomain := ranks[other]
	place, otherPlace := slices.Index(platform, room), slices.Index(platform, other)
	switch {
	case domain && otherDomain && otherRank >= rank:
		return fmt.Sprintf("%s (%d) imports %s (%d)", room, rank, other, otherRank)
	case !domain && otherDomain:
		return "the platform room " + room + " imports the domain room " + other
	case !domain && otherPlace >= place:
		return room + " imports " + other + ", which stands to its right"
	}
	return ""
}

// sources reads every Go file of the house but tests and their helpers.
func sources(t *testing.T) (all []source) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file := strings.TrimPrefix(filepath.ToSlash(path), "../")
		parts := strings.Split(file, "/")
		if len(parts) > 2 && (strings.HasSuffix(parts[1], "test") || parts[1] == "migrations") {
			return nil
		}
		b, err := os.ReadFile(path)
		all = append(all, source{parts[0], file, string(b)})
		return err
	})
	if err != nil || len(all) < 50 {
		t.Fatalf("%d files read: %v", len(all), err)
	}
	return all
}

func TestRooms(t *testing.T) {
	documented := map[string]bool{}
	rooms := map[string]bool{}
	for _, s := range sources(t) {
		for _, b := range s.check() {
			t.Error(b)
		}
		rooms[s.room] = true
		if regexp.MustCompile(`(?m)^// Package `).MatchString(s.text) {
			documented[s.room] = true
		}
	}
	for _, r := range slices.Sorted(maps.Keys(rooms)) {
		if _, domain := ranks[r]; !domain && !slices.Contains(platform, r) {
			t.Errorf("room %s has no rank", r)
		}
		if !documented[r] {
			t.Errorf("room %s does not say what belongs in it", r)
		}
	}
}

// Every rule is able to fail.
func TestRoomsRulesFail(t *testing.T) {
	long := "package mail\nfunc f() {\n" + strings.Repeat("\t_ = 1\n", 81) + "}\n"
	for name, s := range map[string]source{
		"domain upward":     {"invite", "invite/a.go", "package invite\nimport _ \"securepractice/internal/mail\"\n"},
		"platform to right": {"db", "db/a.go", "package db\nimport _ \"securepractice/internal/jobs\"\n"},
		"platform domain":   {"web", "web/a.go", "package web\nimport _ \"securepractice/internal/mail\"\n"},
		"http in a rule":    {"mail", "mail/send.go", "package mail\nimport _ \"net/http\"\n"},
		"sql in a rule":     {"mail", "mail/send.go", "package mail\nconst q = \"DELETE FROM mail_draft\"\n"},
		"foreign table":     {"mail", "mail/store.go", "package mail\nconst q = `SELECT id FROM mail_draft d JOIN account_user u ON 1 = 1`\n"},
		"sealed by support": {"support", "support/store.go", "package support\nconst q = `SELECT to_sealed FROM notify_message`\n"},
		"support writes":    {"support", "support/store.go", "package support\nconst q = `UPDATE account_user SET state = 'x'`\n"},
		"long function":     {"mail", "mail/a.go", long},
		"long file":         {"mail", "mail/a.go", "package mail\n" + strings.Repeat("// x\n", 601)},
	} {
		if len(s.check()) == 0 {
			t.Errorf("%s: the rule did not fail", name)
		}
	}
	fine := source{"support", "support/store.go", "package support\nconst q = `SELECT u.id FROM account_user u`\n"}
	if b := fine.check(); len(b) > 0 {
		t.Errorf("reading across is allowed in support: %q", b)
	}
}
