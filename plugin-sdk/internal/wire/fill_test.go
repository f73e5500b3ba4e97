package wire

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// filler gives every field of a contract type its own value, so that a field that is left out or swapped
// with another shows.
type filler struct{ n int }

// words are the values of closed sets; any other string gets a text of its own.
func words() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[sdk.Kind]():        string(sdk.KindInvalid),
		reflect.TypeFor[sdk.Turn]():        string(sdk.TurnEmployer),
		reflect.TypeFor[sdk.Subject]():     string(sdk.SubjectPool),
		reflect.TypeFor[sdk.Power]():       string(sdk.PowerVocabulary),
		reflect.TypeFor[sdk.Find]():        string(sdk.FindExternalID),
		reflect.TypeFor[sdk.Dedupe]():      string(sdk.DedupeExternalID),
		reflect.TypeFor[sdk.Deletes]():     string(sdk.DeletesVisible),
		reflect.TypeFor[sdk.NoteFormat]():  string(sdk.NoteHTML),
		reflect.TypeFor[sdk.Who]():         string(sdk.WhoEmployer),
		reflect.TypeFor[sdk.Status]():      string(sdk.StatusHired),
		reflect.TypeFor[sdk.Phase]():       string(sdk.PhaseOffer),
		reflect.TypeFor[sdk.Gone]():        string(sdk.GoneMerged),
		reflect.TypeFor[sdk.JobState]():    string(sdk.JobUnlisted),
		reflect.TypeFor[sdk.OutcomeKind](): string(sdk.OutcomeFailed),
		reflect.TypeFor[sdk.As]():          string(sdk.AsProspect),
	}
}

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1_700_000_000+int64(f.n), 5000).UTC()))
		return
	case time.Duration:
		v.SetInt(int64(f.n) * int64(time.Millisecond))
		return
	}
	switch v.Kind() {
	case reflect.String:
		if w, ok := words()[v.Type()]; ok {
			v.SetString(w)
			return
		}
		v.SetString(fmt.Sprintf("t%d", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(200 + f.n%300)) // also a possible HTTP status
	case reflect.Uint8:
		v.SetUint(uint64(1 + f.n%255))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key)
		f.fill(elem)
		v.SetMapIndex(key, elem)
	case reflect.Struct:
		for _, field := range v.Fields() {
			f.fill(field)
		}
	default:
		panic("the filler does not know " + v.Type().String())
	}
}

// filled returns a T without a zero field.
func filled[T any](t *testing.T) T {
	t.Helper()
	var v T
	(&filler{}).fill(reflect.ValueOf(&v).Elem())
	requireNoZero(t, reflect.ValueOf(v), reflect.TypeFor[T]().String())
	return v
}

func requireNoZero(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	require.False(t, v.IsZero(), "%s is zero: teach the filler about it", path)
	if _, ok := reflect.TypeAssert[time.Time](v); ok {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for sf, field := range v.Fields() {
			requireNoZero(t, field, path+"."+sf.Name)
		}
	case reflect.Slice:
		for i := range v.Len() {
			requireNoZero(t, v.Index(i), path+"[]")
		}
	case reflect.Pointer:
		requireNoZero(t, v.Elem(), path)
	}
}

// requireAllSet fails for a field of the message, or of one inside it, that nobody wrote.
func requireAllSet(t *testing.T, m protoreflect.Message, path string, except ...string) {
	t.Helper()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		name := path + "." + string(fd.Name())
		if slices.Contains(except, string(fd.Name())) {
			continue
		}
		require.True(t, m.Has(fd), "%s is not converted", name)
		if fd.Kind() != protoreflect.MessageKind || fd.IsMap() || fd.Message().ParentFile().Package() == "google.protobuf" {
			continue
		}
		if fd.IsList() {
			for j := range m.Get(fd).List().Len() {
				requireAllSet(t, m.Get(fd).List().Get(j).Message(), name+"[]")
			}
			continue
		}
		requireAllSet(t, m.Get(fd).Message(), name)
	}
}

// requireRoundTrip sends a full T over the wire format and wants it back, field for field.
func requireRoundTrip[T any, M proto.Message](t *testing.T, to func(*T) M, from func(M) (T, error), except ...string) {
	t.Helper()
	v := filled[T](t)
	msg := to(&v)
	requireAllSet(t, msg.ProtoReflect(), string(msg.ProtoReflect().Descriptor().Name()), except...)
	want := reflect.TypeFor[T]().NumField()
	require.Equal(t, want, msg.ProtoReflect().Descriptor().Fields().Len()-len(except),
		"the Go type and the message have different numbers of fields")
	b, err := proto.Marshal(msg)
	require.NoError(t, err)
	back := msg.ProtoReflect().New().Interface().(M)
	require.NoError(t, proto.Unmarshal(b, back))
	got, err := from(back)
	require.NoError(t, err)
	require.Equal(t, v, got)
}
