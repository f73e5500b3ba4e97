package support

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/metric"
)

// keysOf lists the keys of a type of the config, as they are decided, and the kind of each.
func keysOf(typ reflect.Type, at string, out map[string]reflect.Type) {
	for f := range typ.Fields() {
		name, of := join(at, tomlName(f.Name)), f.Type
		if at == "adapters" && f.Name == "Named" {
			name, of = "adapters.*", of.Elem()
		}
		out[name] = of
		if decisions[name] != within {
			continue
		}
		if of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		keysOf(of, name, out)
	}
}

func TestConfig_EveryKeyIsDecided(t *testing.T) {
	t.Parallel()
	keys := map[string]reflect.Type{}
	keysOf(reflect.TypeFor[config.Config](), "", keys)
	secret := reflect.TypeFor[config.Secret]()
	for key, typ := range keys {
		d, ok := decisions[key]
		require.True(t, ok, "nobody decided how much of %s may be in a support bundle: add it to decisions", key)
		switch d {
		case shown, path, listen, named:
			require.NotEqual(t, secret, typ, key)
			require.NotEqual(t, reflect.Map, typ.Kind(), key)
		case keysOnly:
			require.Equal(t, reflect.Map, typ.Kind(), key)
		case amount:
			require.Equal(t, reflect.Slice, typ.Kind(), key)
		}
	}
	for key := range decisions {
		require.Contains(t, keys, key, "the config has no %s any more", key)
	}
	require.Greater(t, len(keys), 90)
}

// Every key is called as the file calls it.
func TestConfig_KeysAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../../atssync.toml.example")
	require.NoError(t, err)
	for key, d := range decisions {
		if name := key[strings.LastIndexByte(key, '.')+1:]; d != within && key != "warnings" {
			require.Contains(t, string(example), name, key)
		}
	}
}

func TestConfig_TellsWhatIsSetAndNothingOfAnybody(t *testing.T) {
	t.Parallel()
	b := setup(t, `
[platform]
name = "Talentplace"
support_contact = "help@talentplace.example.com"
[daemon]
log_level = "debug"
[submissions]
resume_networks = ["10.20.0.0/16"]
[http]
listen = "10.20.0.1:8470"
insecure = true
[adapters.greenhouse.settings]
base_url = "https://globex.example.com"
[[connections]]
id = "globex-gh"
name = "Globex Corporation"
account = "globex"
adapter = "greenhouse"
credentials = { api_key = { file = "globex.key" }, on_behalf_of = "ada@globex.example.com" }
`)
	out, err := makeConfig(t.Context(), b)
	require.NoError(t, err)
	text := strings.Join(strings.Fields(string(out)), " ")
	for _, want := range []string{
		`"key": "platform.name", "from": "file", "set": true`, `"key": "daemon.log_level", "from": "file", "value": "debug"`,
		`"key": "daemon.log_format", "from": "default", "value": "auto"`, `"key": "submissions.resume_networks", "from": "file", "count": 1`,
		`"value": "[address]:8470"`, `"names": [ "base_url" ]`, `"value": "file-connection-1"`, `"value": "account-1"`, `"names": [ "api_key", "on_behalf_of" ]`,
	} {
		require.Contains(t, text, want)
	}
	for _, never := range []string{"Talentplace", "lobex", "example.com", "10.20", "kanari"} {
		require.NotContains(t, text, never)
	}
	require.Equal(t, "[credential-file-of-file-connection-1]: no", b.mask.Text(filepath.Join(filepath.Dir(b.o.ConfigPath), "globex.key")+": no"))
}

// setup meets whom a config names, without a daemon.
func setup(t *testing.T, file string) *bundle {
	t.Helper()
	dir := t.TempDir()
	at := filepath.Join(dir, "atssync.toml")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "globex.key"), []byte("kanari-key-1"), 0o600))
	require.NoError(t, os.WriteFile(at, []byte(file), 0o600))
	b := meet(t.Context(), Options{ConfigPath: at, Timeout: DefaultTimeout})
	require.NotNil(t, b.config)
	return b
}

func TestMetrics_EveryLabelIsKnown(t *testing.T) {
	t.Parallel()
	for _, m := range metric.All() {
		for _, l := range m.LabelNames() {
			require.True(t, harmless[l] || l == "connection", "%s: say whether the values of %s are harmless", m.Name, l)
		}
	}
}

func TestMetrics_NameNobody(t *testing.T) {
	t.Parallel()
	b := &bundle{roster: newRoster(nil, &daemonView{connections: []api.Connection{{ID: "globex"}}})}
	require.Equal(t, `# HELP a Help.
a{connection="file-connection-1",state="held"} 1
a{connection="unknown",other="[masked]"} 2
b 3
`, string(b.metrics([]byte(`# HELP a Help.
a{connection="globex",state="held"} 1
a{connection="hooli",other="x\"}y"} 2
b 3
`))))
}

func TestJournal_LinesGoThroughTheMask(t *testing.T) {
	t.Parallel()
	b := &bundle{mask: testMask()}
	out := b.journal(strings.NewReader(`{"__REALTIME_TIMESTAMP":"1790000000000001","PRIORITY":"6","_PID":"12","_HOSTNAME":"kanari","MESSAGE":"one for ada@example.com\ntwo of Globex"}
no JSON
{"PRIORITY":"x y","MESSAGE":[111,110,101]}
{"MESSAGE":null}
`))
	require.Equal(t, `2026-09-21T14:13:20.000001Z 6 12 one for [e-mail]
2026-09-21T14:13:20.000001Z 6 12 two of account-1
- - - one
`, string(out))
}

func FuzzJournal(f *testing.F) {
	for _, s := range []string{"", "{}\n", `{"MESSAGE":[1,-1,999,"x"]}`, `{"MESSAGE":"Sesam-4711"}`, `{"__REALTIME_TIMESTAMP":"-9"}`} {
		f.Add(s)
	}
	b := &bundle{mask: testMask()}
	f.Fuzz(func(t *testing.T, in string) {
		require.NotContains(t, string(b.journal(strings.NewReader(in))), "Sesam-4711")
	})
}

func FuzzMetrics(f *testing.F) {
	for _, s := range []string{"", "a{", "a}{", `a{x="y"} 1`, `a{connection="globex"} 1`, "#"} {
		f.Add(s)
	}
	b := &bundle{roster: newRoster(nil, &daemonView{})}
	f.Fuzz(func(_ *testing.T, in string) { _ = b.metrics([]byte(in)) })
}

func TestFile_WhatHangsOrFailsIsLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bundle{mask: testMask()}
		stop := make(chan struct{})
		defer close(stop)
		for reason, make := range map[string]func(context.Context, *bundle) ([]byte, error){
			"it took too long":       func(context.Context, *bundle) ([]byte, error) { <-stop; return nil, nil },
			"account-1 is not there": func(context.Context, *bundle) ([]byte, error) { return nil, errors.New("Globex is not there") },
			"it would be larger":     func(context.Context, *bundle) ([]byte, error) { return make([]byte, maxMember+1), nil },
			"this [secret] is not there": func(context.Context, *bundle) ([]byte, error) {
				return nil, &api.Error{Message: "this Sesam-4711 is not there"}
			},
		} {
			f := b.file(t.Context(), member{name: "x.json", make: make})
			require.Contains(t, f.LeftOut, reason)
		}
		f := b.file(t.Context(), member{name: "x.txt", make: func(context.Context, *bundle) ([]byte, error) {
			return []byte(strings.Repeat("Sesam-4711\n", maxMember/8)), nil
		}})
		require.Empty(t, f.LeftOut)
		require.True(t, f.Cut)
		require.LessOrEqual(t, f.Bytes, maxMember)
		require.Equal(t, "[secret]\n", string(f.data[len(f.data)-9:]))
	})
}

func TestSave_ReplacesNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Date(2026, 11, 29, 1, 2, 3, 0, time.UTC)
	to, err := Save([]byte("one"), dir, at, false)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "atssync-support-20261129T010203Z.tar.gz"), to)
	info, err := os.Stat(to)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	_, err = Save([]byte("two"), to, at, false)
	require.ErrorContains(t, err, "replaces none")
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere"), link))
	_, err = Save([]byte("two"), link, at, false)
	require.ErrorContains(t, err, "replaces none")
	_, err = Save([]byte("two"), to, at, true)
	require.NoError(t, err)
	b, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, "two", string(b))
	_, err = Save([]byte("x"), filepath.Join(dir, "none", "x"), at, false)
	require.Error(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2)
}

func TestRoster_NumbersStayTheSameAndCommonWordsStay(t *testing.T) {
	t.Parallel()
	d := &daemonView{
		adapters: []api.Adapter{{}}, webhooks: []api.Webhook{{ID: "talent", URL: "https://hooks.talent.example.com/x", Accounts: []string{"zeta"}}},
		connections: []api.Connection{
			{ID: "con_06h29z9mn9rv72zzctm97hhzec", Name: "Greenhouse", Account: "beta"}, {ID: "second", Name: "Second Inc", Account: "alpha"}, {ID: "first", Account: "alpha"},
		},
	}
	d.adapters[0].Name = "greenhouse"
	r := newRoster(nil, d)
	require.Equal(t, "con_06h29z9mn9rv72zzctm97hhzec", r.connection("con_06h29z9mn9rv72zzctm97hhzec"))
	require.Equal(t, []string{"file-connection-1", "file-connection-2", unknown, ""}, []string{r.connection("second"), r.connection("first"), r.connection("third"), r.connection("")})
	require.Equal(t, []string{"account-1", "account-2", "account-3"}, []string{r.account("alpha"), r.account("beta"), r.account("zeta")})
	require.Equal(t, "greenhouse adapter: file-connection-1, file-webhook-1, file-webhook-1-host", r.mask().Text("greenhouse adapter: Second Inc, talent, hooks.talent.example.com"))
}

func TestAudit_TellsWhatAndNotWho(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"uid:1000(ada)": "user of this machine", "tok_06h29z9mn9rv72zzctm97hhzec(Ada's)": "token", "file": "file", "lnk_x": "somebody", "Ada": "somebody",
	} {
		require.Equal(t, want, actorKind(in))
	}
	b := &bundle{roster: newRoster(nil, &daemonView{connections: []api.Connection{{ID: "globex"}}})}
	for in, want := range map[string]string{"globex": "file-connection-1", "config": "config", "ada": "[masked]", "sub_06h29z9mn9rv72zzctm97hhzec": "sub_06h29z9mn9rv72zzctm97hhzec"} {
		require.Equal(t, want, b.object(in))
	}
}

func TestMembers_SayWhatTheyAreAndWhatIsMasked(t *testing.T) {
	t.Parallel()
	var names []string
	for _, m := range members() {
		require.NotEmpty(t, m.about, m.name)
		require.NotEmpty(t, m.masked, m.name)
		require.NotNil(t, m.make, m.name)
		require.NotContains(t, names, m.name)
		names = append(names, m.name)
	}
	require.False(t, slices.Contains(names, ManifestName))
}
