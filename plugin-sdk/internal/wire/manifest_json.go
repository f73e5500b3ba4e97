package wire

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ManifestJSON returns the manifest as indented JSON with the field names of adapter.proto.
func ManifestJSON(m sdk.Manifest) ([]byte, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(describeReplyToWire(&m).Manifest)
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	var out bytes.Buffer
	// protojson varies its spaces on purpose; json.Indent makes them the same every time.
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("indent the manifest: %w", err)
	}
	return out.Bytes(), nil
}
