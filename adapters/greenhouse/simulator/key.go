package simulator

import "slices"

// KeyType is the API a key was made for.
type KeyType string

// The key types. Only an ingestion key opens the partner API; customers make Harvest keys by mistake.
const (
	KeyIngestion KeyType = "ingestion"
	KeyHarvest   KeyType = "harvest"
)

// Key is an API key. It is invented, so it is printed in full wherever the simulator shows its state.
type Key struct {
	Key     string  `json:"key"`
	Type    KeyType `json:"type"`
	Revoked bool    `json:"revoked,omitempty"`
}

func (k *Key) fill() error {
	if k.Type == "" {
		k.Type = KeyIngestion
	}
	if k.Type != KeyIngestion && k.Type != KeyHarvest {
		return inputErrorf("$.type", "%q is no key type, known are %s and %s", k.Type, KeyIngestion, KeyHarvest)
	}
	if k.Key == "" {
		return inputErrorf("$.key", "a key is needed")
	}
	return nil
}

// Keys lists the API keys.
func (e *Employer) Keys() []Key {
	e.mu.RLock()
	defer e.mu.RUnlock()
	keys := make([]Key, 0, len(e.keys))
	for _, k := range e.keys {
		keys = append(keys, *k)
	}
	return keys
}

// Key gives the first ingestion key, or "" when there is none.
func (e *Employer) Key() string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, k := range e.keys {
		if k.Type == KeyIngestion {
			return k.Key
		}
	}
	return ""
}

// RevokeKey makes a key answer 401; an empty key means all of them.
func (e *Employer) RevokeKey(key string) error { return e.setRevoked(key, true) }

// RestoreKey takes a revocation back; an empty key means all of them.
func (e *Employer) RestoreKey(key string) error { return e.setRevoked(key, false) }

func (e *Employer) setRevoked(key string, revoked bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if key != "" && !slices.ContainsFunc(e.keys, func(k *Key) bool { return k.Key == key }) {
		return inputErrorf("$.key", "%s has no such key", e.name)
	}
	for _, k := range e.keys {
		if key == "" || k.Key == key {
			k.Revoked = revoked
		}
	}
	return nil
}

// AddKey makes a further key.
func (e *Employer) AddKey(k Key) error {
	if err := k.fill(); err != nil {
		return err
	}
	if err := e.server.indexKey(k.Key, e); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys = append(e.keys, &k)
	return nil
}
