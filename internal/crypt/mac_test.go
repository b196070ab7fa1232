package crypt_test

import (
	"bytes"
	"strings"
	"testing"

	"securepractice/internal/crypt/crypttest"
	"securepractice/internal/db"
	"securepractice/internal/db/dbtest"
)

func TestMAC(t *testing.T) {
	k := crypttest.Keys(t, dbtest.SQLite(t))
	mac := k.MAC("link", "ab", "c")
	if len(mac) != 32 || !k.Equal(mac, "link", "ab", "c") {
		t.Fatalf("MAC of %d bytes does not equal itself", len(mac))
	}
	others := [][]string{{"link", "a", "bc"}, {"link", "abc"}, {"link", "ab", "c", ""}, {"code", "ab", "c"}, {"link"}, {"linkab", "c"}}
	for _, o := range others {
		if k.Equal(mac, o[0], o[1:]...) {
			t.Errorf("same MAC for %q", o)
		}
	}
	if k.Equal(nil, "link", "ab", "c") || k.Equal(mac[:31], "link", "ab", "c") {
		t.Error("a cut MAC is equal")
	}
	if bytes.Equal(mac, crypttest.Keys(t, dbtest.SQLite(t)).MAC("link", "ab", "c")) {
		t.Error("two installations make the same MACs")
	}
}

func TestSign(t *testing.T) {
	k := crypttest.Keys(t, dbtest.SQLite(t))
	sig := k.Sign("audit", []byte("seal 1"))
	if !k.VerifySignature("audit", []byte("seal 1"), sig) {
		t.Error("own signature refused")
	}
	if k.VerifySignature("audit", []byte("seal 2"), sig) || k.VerifySignature("backup", []byte("seal 1"), sig) ||
		k.VerifySignature("audi", []byte("tseal 1"), sig) || k.VerifySignature("audit", []byte("seal 1"), nil) ||
		crypttest.Keys(t, dbtest.SQLite(t)).VerifySignature("audit", []byte("seal 1"), sig) {
		t.Error("foreign signature accepted")
	}
}

func TestTokens(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := crypttest.Keys(t, d)
		id := db.NewID()
		token := k.Token("invite", id, 3)
		if strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			t.Errorf("not URL-safe: %s", token)
		}
		if strings.Contains(token, id) {
			t.Error("the id stands readable in the link")
		}
		if got, ok := k.ParseToken(token); !ok || got != id {
			t.Errorf("parsed %q, %v", got, ok)
		}
		if !k.TokenIs(token, "invite", id, 3) {
			t.Error("own token refused")
		}
		if k.TokenIs(token, "invite", id, 4) || k.TokenIs(token, "reset", id, 3) || k.TokenIs(token, "invite", db.NewID(), 3) ||
			k.TokenIs(token[:len(token)-1], "invite", id, 3) || k.TokenIs("", "invite", id, 3) {
			t.Error("foreign token accepted")
		}
		for _, bad := range []string{"", "a", token[:40], token + "A", token + "=", " " + token, token[:20] + "!" + token[21:], strings.Repeat("A", 1_000_000)} {
			if got, ok := k.ParseToken(bad); ok && k.TokenIs(bad, "invite", got, 3) {
				t.Errorf("%.40q was accepted", bad)
			}
		}
	})
}

func FuzzParseToken(f *testing.F) {
	k := crypttest.Keys(f, dbtest.SQLite(f))
	f.Add("")
	f.Add("AAAA")
	f.Add(k.Token("invite", "0190d7b2-0000-7000-8000-000000000000", 1))
	f.Add(strings.Repeat("_", 130))
	f.Fuzz(func(t *testing.T, token string) {
		id, ok := k.ParseToken(token)
		if ok != (id != "") || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("ParseToken(%q) = %q, %v", token, id, ok)
		}
		if ok && k.TokenIs(token, "fuzz", id, 1) && token != k.Token("fuzz", id, 1) {
			t.Errorf("two tokens for one link: %q", token)
		}
	})
}
